// The review page: one item after the other, decided by keyboard or mouse; what others decide is never overwritten.

import { lookup } from "../city_api.js";
import { Desk, store, stored } from "../desk/desk.js";
import { SearchBox } from "../search_box.js";
import { CandidateList } from "./candidate_list.js";
import { QueueBar } from "./queue_bar.js";
import { ReviewMap } from "./review_map.js";
import { drawSubject } from "./subject_card.js";

const find = (selector) => document.querySelector(selector);
const RENEW_MS = 120_000;
const SINGLE_KEYS = "twin.single_keys";
const PLACES = new Set(["building", "asset", "address"]);

class LinkPage {
  constructor(settings) {
    this.desk = new Desk(settings, "review.title");
    this.language = this.desk.language;
    this.item = null;
    this.current = 0;
    this.skipped = [];
    this.undoable = [];
    this.chosen = null;
    this.busy = false;
  }

  async start() {
    await this.desk.start();
    const { language, desk } = this;
    this.bar = new QueueBar(find("#queue-bar"), { language, onFilter: () => this.restart() });
    this.list = new CandidateList(find("#candidates"), {
      language,
      onPick: (i) => this.pick(i),
      onDecide: (word) => this.decide(word),
    });
    this.map = new ReviewMap(find("#canvas"), {
      settings: desk.settings,
      onClick: (place) => this.clicked(place),
      onFailure: (kind) => this.withoutMap(kind),
    });
    this.search = new SearchBox(find("#search"), { language, onChoose: (hit) => this.found(hit) });
    language.onSwitch(() => this.draw());
    desk.onPerson = () => this.restart();
    this.bindButtons();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("pagehide", () => this.letGo());
    setInterval(() => this.renew(), RENEW_MS);
    await desk.needPerson();
    this.opening = this.map.open();
    await this.next();
    await this.opening;
    document.documentElement.dataset.state = "ready";
  }

  bindButtons() {
    const on = (selector, run) => find(selector).addEventListener("click", run);
    on("#none", () => this.noneOfThem());
    on("#later", () => this.later());
    on("#undo", () => this.undo());
    on("#elsewhere", () => find("#search input").focus());
    on("#choose-confirm", () => this.choose());
    on("#choose-cancel", () => this.setChosen(null));
    on("#again", () => this.restart());
    const single = find("#single-keys");
    single.checked = stored(SINGLE_KEYS) !== "off";
    single.addEventListener("change", () => store(SINGLE_KEYS, single.checked ? "on" : "off"));
  }

  // ---- the queue
  restart() {
    this.skipped = [];
    return this.next();
  }

  /** Take the next item; what was on the desk is let go of. */
  async next() {
    await this.work(async () => {
      const wish = Object.fromEntries(Object.entries(this.bar.asked).filter(([, value]) => value));
      const { item } = await this.desk.ask("/links/review/claim", { method: "POST", body: { ...wish, skip: this.skipped } });
      this.put(item);
      await this.count();
    });
  }

  async count() {
    this.bar.show(await this.desk.ask("/links/review?n=1"));
    this.drawState();
  }

  /** Put an item on the desk; null when nothing is left. */
  put(item) {
    this.item = item;
    this.current = 0;
    this.chosen = null;
    this.draw();
    if (item) find("#subject-title").focus();
  }

  /** Hold the item for longer while it is looked at. */
  async renew() {
    if (!this.item || document.hidden || this.busy) return;
    const { kind, number } = this.item.subject;
    try {
      const { item } = await this.desk.ask("/links/review/claim", { method: "POST", body: { subject: { kind, number } } });
      if (item.seen !== this.item.seen) this.put(item);
    } catch (problem) {
      this.lost(problem);
    }
  }

  letGo() {
    if (!this.item) return;
    this.desk.ask("/links/review/release", { method: "POST", keepalive: true }).catch(() => {});
  }

  // ---- decisions
  get candidate() {
    return this.item?.candidates[this.current] ?? null;
  }

  pick(i) {
    if (!this.item?.candidates[i]) return;
    this.current = i;
    this.setChosen(null);
    this.list.mark(i);
    this.map.show(this.item, i);
  }

  decide(word) {
    const { candidate } = this;
    if (!candidate) return;
    if (!candidate.link_id) {
      if (word === "accept") this.choosePlace(candidate.to);
      return;
    }
    const said = { accept: "review.accepted", reject: "review.rejected" }[word];
    this.send(`/links/${candidate.link_id}/decision`, { decision: word, seen: this.item.seen }, said);
  }

  noneOfThem() {
    if (!this.item) return;
    this.send("/links/review/none", { subject: this.subject(), seen: this.item.seen }, "review.none_done");
  }

  choose() {
    if (this.chosen) this.choosePlace(this.chosen);
  }

  choosePlace({ kind, code }) {
    // A place that is among the proposals is accepted as such: the proposal knows its address and why.
    const proposed = this.item.candidates.findIndex(({ link_id, state, to }) => link_id && state === "review" && to.kind === kind && to.code === code);
    if (proposed >= 0) {
      this.pick(proposed);
      this.decide("accept");
      return;
    }
    this.send("/links/choose", { subject: this.subject(), kind, code, seen: this.item.seen }, "review.chosen");
  }

  subject() {
    const { kind, number } = this.item.subject;
    return { kind, number };
  }

  send(path, body, said) {
    const { title } = this.item.subject;
    return this.work(async () => {
      const answer = await this.desk.ask(path, { method: "POST", body });
      this.undoable.push(...answer.links.slice(-1));
      this.tell(said, title);
      if (answer.done) await this.takeNext();
      else this.put(answer.item);
      await this.count();
    });
  }

  later() {
    if (!this.item) return;
    this.skipped.push(...this.item.links.map((link) => link.link_id));
    this.next();
  }

  undo() {
    const link = this.undoable.at(-1);
    if (!link) return;
    this.work(async () => {
      const answer = await this.desk.ask(`/links/${link}/undo`, { method: "POST" });
      this.undoable.pop();
      const { kind, number } = answer.item.subject;
      const { item } = await this.desk.ask("/links/review/claim", { method: "POST", body: { subject: { kind, number } } });
      this.put(item);
      this.tell("review.undone", item.subject.title);
      await this.count();
    });
  }

  async takeNext() {
    const wish = Object.fromEntries(Object.entries(this.bar.asked).filter(([, value]) => value));
    const { item } = await this.desk.ask("/links/review/claim", { method: "POST", body: { ...wish, skip: this.skipped } });
    this.put(item);
  }

  /** Do one thing at a time; a problem is shown, one that somebody else made leads on to the next item. */
  async work(run) {
    if (this.busy) return;
    this.busy = true;
    document.body.classList.add("working");
    try {
      await run();
      this.desk.notices.hide("problem");
      this.refused = null;
    } catch (problem) {
      this.busy = false;
      this.lost(problem);
    } finally {
      this.busy = false;
      document.body.classList.remove("working");
      this.drawState();
    }
  }

  lost(problem) {
    if (problem.kind === "conflict") {
      this.desk.show(problem, "conflict");
      setTimeout(() => this.next());
    } else if (problem.kind === "refused") {
      this.refused = problem;
      this.put(null);
    } else this.desk.show(problem);
  }

  tell(key, title) {
    this.desk.notices.show("done", { text: key, values: { title }, action: { text: "review.undo_last", run: () => this.undo() }, lasting: false });
  }

  // ---- another place
  async clicked({ lon, lat, asset }) {
    if (!this.item) return;
    await this.work(async () => {
      const { building } = await lookup({ lon, lat, height: null });
      if (asset) this.setChosen({ kind: "asset", code: asset, label: asset, lon, lat });
      else if (building && building.distance_m <= 3) {
        const label = building.addresses?.[0]?.text_zh ?? building.name_zh ?? building.code;
        this.setChosen({ kind: "building", code: building.code, label, name: building.name_zh, lon, lat, geometry: building.geometry });
      } else this.desk.notices.show("nothing", { text: "review.nothing_here", lasting: false });
    });
  }

  found(hit) {
    if (!PLACES.has(hit.kind)) {
      if (hit.kind === "lonlat") this.clicked({ lon: hit.lon, lat: hit.lat, asset: null });
      else this.desk.notices.show("nothing", { text: "review.not_a_place", lasting: false });
      return;
    }
    this.setChosen({ kind: hit.kind, code: hit.code, label: hit.label_zh, lon: hit.lon, lat: hit.lat });
    find("#choose-confirm").focus();
  }

  setChosen(place) {
    this.chosen = place;
    this.drawChosen();
    if (this.item) this.map.show(this.item, this.current, { chosen: place });
  }

  drawChosen() {
    const { chosen, language } = this;
    find("#chosen").hidden = !chosen;
    if (!chosen) return;
    find("#chosen-label").textContent = chosen.label;
    find("#chosen-code").textContent = [language.text(`search.kind.${chosen.kind}`), chosen.name, chosen.code].filter(Boolean).join(" · ");
  }

  // ---- drawing
  draw() {
    this.bar.draw();
    drawSubject(find("#subject"), this.item, this.language);
    this.list.show(this.item, this.current);
    this.map.show(this.item, this.current);
    this.drawChosen();
    this.drawState();
  }

  drawState() {
    const { item, language } = this;
    for (const selector of ["#none", "#later", "#elsewhere"]) find(selector).disabled = !item;
    find("#undo").disabled = !this.undoable.length;
    find("#item").hidden = !item;
    find("#search").hidden = !item;
    const empty = find("#empty");
    empty.hidden = Boolean(item) || (this.busy && !this.bar.queue);
    const kind = this.refused ? "refused" : this.skipped.length || (this.bar.queue?.waiting ?? 0) > 0 ? "rest" : "done";
    find("#empty-title").textContent = language.text(`review.empty.${kind}`);
    find("#empty-text").textContent = this.refused ? this.desk.words(this.refused).text : language.text(`review.empty.${kind}.text`);
  }

  withoutMap(kind) {
    document.body.classList.add("no-map");
    find("#map-failed").textContent = this.language.text(kind === "webgl" ? "webgl.text" : "map.failed");
  }

  // ---- keyboard
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape" && (typing || this.chosen)) {
      this.setChosen(null);
      find("#subject-title")?.focus();
      return;
    }
    if (typing) return;
    if (event.key === "?") find("#help").showModal();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.pick(this.current + (event.key === "ArrowDown" ? 1 : -1));
    } else if (find("#single-keys").checked) this.singleKey(event);
  }

  singleKey(event) {
    const number = Number(event.key);
    const runs = {
      a: () => (this.chosen ? this.choose() : this.decide("accept")),
      r: () => this.decide("reject"),
      n: () => this.noneOfThem(),
      s: () => this.later(),
      u: () => this.undo(),
      "/": () => find("#search input").focus(),
    };
    const run = number >= 1 && number <= 9 ? () => this.pick(number - 1) : runs[event.key.toLowerCase()];
    if (!run || this.busy) return;
    event.preventDefault();
    run();
  }
}

const page = new LinkPage(JSON.parse(find('meta[name="twin-settings"]').content));
page.start();
