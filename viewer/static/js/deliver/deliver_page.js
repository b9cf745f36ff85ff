// The delivery page: files in, a check that writes nothing, then taken in and linked; and what was delivered before.

import { Desk } from "../desk/desk.js";
import { element, icon, refill } from "../elements.js";
import { fileResult } from "./file_result.js";
import { History } from "./history.js";
import { watchJob } from "./job_watch.js";
import { sendFile } from "./upload.js";

const find = (selector) => document.querySelector(selector);
const KILO = 1024;

class DeliverPage {
  constructor(settings) {
    this.desk = new Desk(settings, "deliver.title");
    this.language = this.desk.language;
    this.reset();
  }

  reset() {
    this.upload = null;
    this.files = [];
    this.answers = {};
    this.result = null;
    this.job = null;
    this.mends = null; // the batch whose mended rows are handed in
    this.stage = "empty"; // empty, sending, ready, working, checked, taken, failed
  }

  async start() {
    await this.desk.start();
    const { language, desk } = this;
    this.history = new History(find("#history"), {
      language,
      ask: (path, options) => desk.ask(path, options),
      onProblem: (problem) => desk.show(problem),
      onTold: (title, text) => desk.notices.show("told", { tone: "care", title, text }),
      onMended: (batch, files) => this.mend(batch, files),
    });
    this.bindDrop();
    find("#known").addEventListener("change", () => this.stage === "checked" && this.run("check"));
    const question = find("#whole-stock");
    question.addEventListener("close", () => question.returnValue === "yes" && this.run("take_in"));
    const on = (selector, run) => find(selector).addEventListener("click", run);
    on("#check", () => this.run("check"));
    on("#take-in", () => this.takeIn());
    on("#cancel", () => this.cancel());
    on("#anew", () => this.anew());
    language.onSwitch(() => this.draw());
    this.draw();
    await desk.needPerson();
    await this.load();
    document.documentElement.dataset.state = "ready";
  }

  async load() {
    try {
      this.choices = await this.desk.ask("/deliveries/choices");
      this.fillChoices();
      await this.history.load();
    } catch (problem) {
      if (problem.kind === "refused") this.close(problem);
      else this.desk.show(problem);
    }
  }

  /** This computer may not deliver: say so, and show nothing that would not work. */
  close(problem) {
    find("#work").hidden = true;
    find("#history").hidden = true;
    find("#closed").hidden = false;
    find("#closed-text").textContent = this.desk.words(problem).text;
  }

  fillChoices() {
    const { language, choices } = this;
    if (!choices) return;
    const fill = (selector, items) => {
      const select = find(selector);
      const { value } = select;
      refill(select, element("option", { value: "", text: language.text("deliver.from_file") }), items.map(([code, name]) => element("option", { value: code, text: name })));
      select.value = value;
    };
    fill("#department", choices.departments.map((item) => [item.code, language.pick(item, "name")]));
    fill("#mapping", choices.mappings.map((item) => [item.name, `${language.pick(item, "title")} (${item.name})`]));
  }

  // ---- files
  bindDrop() {
    const zone = find("#drop");
    const input = find("#file-input");
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.add([...event.dataTransfer.files]);
    });
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
    });
  }

  /** Take back the mended rows of a batch: up at the top, like any other file. */
  mend(batch, files) {
    find("#work").scrollIntoView({ block: "start" });
    return this.add(files, batch.batch);
  }

  /** Send files; when all are there, check them. mends: the batch whose rows they mend. */
  async add(files, mends = null) {
    if (!files.length || this.stage === "working" || this.stage === "sending") return;
    if (this.stage === "taken" || mends !== null || this.mends !== null) this.reset();
    this.mends = mends;
    await this.desk.needPerson();
    this.stage = "sending";
    this.result = null;
    for (const file of files) {
      this.files = this.files.filter((entry) => entry.name !== file.name);
      const entry = { name: file.name, bytes: file.size, share: 0, problem: null };
      this.files.push(entry);
      this.draw();
      try {
        const answer = await sendFile(file, { upload: this.upload, person: this.desk.person, onProgress: (share) => this.sent(entry, share) });
        this.upload = answer.upload;
        Object.assign(entry, { name: answer.name, share: 1 });
      } catch (problem) {
        entry.problem = this.desk.words(problem).text;
      }
    }
    const isSent = this.files.some((entry) => !entry.problem);
    this.stage = isSent ? "ready" : "empty";
    this.draw();
    if (isSent) await this.run("check");
  }

  sent(entry, share) {
    entry.share = share;
    this.drawFiles();
  }

  // ---- jobs
  asked() {
    if (this.mends !== null) return { mends: this.mends };
    const value = (selector) => find(selector).value.trim() || null;
    return { department: value("#department"), mapping: value("#mapping"), crs: value("#crs"), datum: value("#datum") ?? "auto", complete: find("#complete").checked, of_file: this.answers };
  }

  async run(step) {
    if (!this.upload || this.stage === "working") return;
    this.stage = "working";
    this.step = step;
    this.job = null;
    this.desk.notices.hide("problem");
    this.draw();
    try {
      const { job_id } = await this.desk.ask("/deliveries", { method: "POST", body: { upload: this.upload, step, ...this.asked() } });
      this.job = { job_id, state: "queued", progress: 0 };
      this.drawJob();
      const ended = await watchJob(job_id, (job) => {
        this.job = job;
        this.drawJob();
      });
      this.job = ended;
      this.result = await this.desk.ask(`/deliveries/uploads/${this.upload}`);
      const isDone = ended?.state === "done";
      this.stage = isDone ? { check: "checked", take_in: "taken" }[step] : "failed";
      if (step === "take_in") await this.history.load();
    } catch (problem) {
      this.stage = "ready";
      this.desk.show(problem);
    }
    this.draw();
    find("#result-title").focus({ preventScroll: true });
    find("#result").scrollIntoView({ block: "start" });
  }

  /** How many rows that the twin holds would end. */
  ending() {
    return (this.result?.check?.files ?? []).reduce((sum, entry) => sum + (entry.ended ?? 0), 0);
  }

  /** Take in what was checked; before rows end, ask. */
  takeIn() {
    const count = this.ending();
    if (!count) {
      this.run("take_in");
      return;
    }
    const question = find("#whole-stock");
    question.returnValue = "";
    find("#whole-stock-text").textContent = this.language.text("deliver.whole_stock.text", { count: this.language.number(count) });
    question.showModal();
  }

  async cancel() {
    if (!this.job) return;
    try {
      await this.desk.ask(`/jobs/${this.job.job_id}/cancel`, { method: "POST" });
    } catch (problem) {
      this.desk.show(problem);
    }
  }

  anew() {
    this.reset();
    for (const selector of ["#department", "#mapping", "#crs"]) find(selector).value = "";
    find("#datum").value = "auto";
    find("#complete").checked = false;
    this.draw();
    find("#file-input").focus();
  }

  // ---- drawing
  draw() {
    this.fillChoices();
    this.drawFiles();
    this.drawJob();
    this.drawResult();
    const { stage } = this;
    const working = stage === "working" || stage === "sending";
    document.body.classList.toggle("working", working);
    find("#check").hidden = !(stage === "ready" || stage === "checked" || stage === "failed");
    find("#take-in").hidden = stage !== "checked";
    find("#take-in").disabled = !this.canBeTaken();
    find("#anew").hidden = stage === "empty" || working;
    find("#file-input").disabled = working;
    find("#known").hidden = this.mends !== null;
    find("#mending").hidden = this.mends === null;
    if (this.mends !== null) find("#mending").textContent = this.language.text("deliver.mending", { batch: this.language.number(this.mends) });
    find("#drop").classList.toggle("small", stage !== "empty");
  }

  canBeTaken() {
    return (this.result?.check?.files ?? []).some((entry) => !entry.problem && entry.read > entry.rejected);
  }

  drawFiles() {
    const { language } = this;
    refill(
      find("#files"),
      this.files.map((entry) =>
        element(
          "li",
          {},
          icon("source", 18),
          element("span", { class: "file-name", text: entry.name }),
          element("span", { class: "aside", text: bytes(entry.bytes, language) }),
          entry.problem
            ? element("span", { class: "chip chip-bad", text: entry.problem })
            : entry.share < 1
              ? element("progress", { max: "1", value: String(entry.share), "aria-label": language.text("deliver.sending") })
              : element("span", { class: "chip chip-good", text: language.text("deliver.sent") }),
        ),
      ),
    );
  }

  drawJob() {
    const { language, job, stage } = this;
    const node = find("#job");
    node.hidden = stage !== "working";
    if (node.hidden) return;
    const key = job?.state === "queued" || !job ? "deliver.job.queued" : `deliver.job.${job.stage ?? "load"}`;
    find("#job-text").textContent = language.text(key);
    find("#job-message").textContent = language.pick(job, "message");
    const bar = find("#job-bar");
    if (job?.state === "running") bar.value = job.progress;
    else bar.removeAttribute("value");
    find("#cancel").disabled = !job;
  }

  drawResult() {
    const { language, result, stage } = this;
    const node = find("#result");
    node.hidden = !["checked", "taken", "failed"].includes(stage);
    if (node.hidden) return;
    const shown = stage === "taken" ? result.taken : stage === "checked" ? result.check : null;
    const cancelled = this.job?.state === "cancelled";
    const title = stage === "failed" ? (cancelled ? "deliver.cancelled" : "deliver.failed") : stage === "taken" ? "deliver.taken" : "deliver.checked";
    find("#result-title").textContent = language.text(title);
    find("#result-text").textContent =
      stage === "failed" ? (cancelled ? language.text("deliver.cancelled.text") : language.pick(this.job, "message")) : stage === "checked" ? language.text(this.canBeTaken() ? "deliver.checked.text" : "deliver.checked.nothing") : "";
    const ask = stage === "checked" ? { mappings: this.choices?.mappings ?? [], onAnswer: (file, answer) => this.answer(file, answer) } : null;
    refill(find("#result-files"), (shown?.files ?? []).map((entry) => fileResult(entry, { language, rules: result.rules, ask })));
    this.drawLinked(shown);
  }

  /** Keep what a person answers about a file, and check again with it. answer: {mapping} or {datum}. */
  answer(file, answer) {
    this.answers[file] = { ...this.answers[file], ...answer };
    this.run("check");
  }

  drawLinked(shown) {
    const { language } = this;
    const linked = this.stage === "taken" ? shown?.linked : null;
    const node = find("#linked");
    const isAny = linked && linked.accepted + linked.review + linked.unlinked > 0;
    node.hidden = !isAny && !(linked && shown.places_changed);
    if (node.hidden) return;
    const figure = (name) => element("div", { class: `figure linked-${name}` }, element("span", { class: "figure-label", text: language.text(`deliver.linked.${name}`) }), element("span", { class: "figure-value", text: language.number(linked[name]) }));
    refill(
      node,
      element("h3", { text: language.text("deliver.linked.title") }),
      isAny ? element("div", { class: "figures" }, ["accepted", "review", "unlinked"].map(figure)) : null,
      shown.places_changed ? element("p", { class: "aside", text: language.text("deliver.places_changed") }) : null,
      linked.review ? element("a", { class: "solid-button", href: "/link", text: language.text("deliver.to_review") }) : null,
    );
  }
}

function bytes(count, language) {
  if (count < KILO) return `${language.number(count)} B`;
  if (count < KILO * KILO) return `${language.number(count / KILO, 0)} KB`;
  return `${language.number(count / KILO / KILO, 1)} MB`;
}

const page = new DeliverPage(JSON.parse(find('meta[name="twin-settings"]').content));
page.start();
