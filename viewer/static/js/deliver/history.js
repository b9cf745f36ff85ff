// What has been delivered: batches with their counts, the rows set aside of each, files refused as a whole.

import { element, icon, refill } from "../elements.js";
import { inLanguage } from "../desk/desk_api.js";
import { watchJob } from "./job_watch.js";

const PAGE = 20;
const CAN_GO_BACK = new Set(["building", "address", "asset", "entity", "record"]);
const STATE_TONES = { done: "good", running: "care", failed: "bad", rolled_back: "" };

export class History {
  /** node: the section. ask(path, options): the API. onProblem(problem), onTold(title, text): show it.
   *  onMended(batch, files): a person hands the mended rows of a batch in. */
  constructor(node, { language, ask, onProblem, onTold, onMended }) {
    this.node = node;
    this.language = language;
    this.ask = ask;
    this.onProblem = onProblem;
    this.onTold = onTold;
    this.onMended = onMended;
    this.items = [];
    this.refused = [];
    this.more = false;
    node.querySelector("#history-more").addEventListener("click", () => this.load({ further: true }));
    const dialog = document.querySelector("#roll-back");
    dialog.addEventListener("close", () => dialog.returnValue === "yes" && this.rollBack(Number(dialog.dataset.batch)));
    language.onSwitch(() => this.draw());
  }

  /** Ask before a batch is taken back. */
  confirm(batch) {
    const dialog = document.querySelector("#roll-back");
    dialog.dataset.batch = batch.batch;
    dialog.returnValue = "";
    dialog.querySelector("#roll-back-text").textContent = this.language.text("deliver.roll_back.text", { file: batch.file, batch: batch.batch });
    dialog.showModal();
  }

  async rollBack(number) {
    const { language } = this;
    try {
      const { job_id } = await this.ask(`/deliveries/${number}/roll-back`, { method: "POST" });
      const job = await watchJob(job_id, () => {});
      await this.load();
      if (job?.state !== "done") this.onTold(language.text("deliver.roll_back.failed"), inLanguage(language.pick(job, "message"), language.current));
    } catch (problem) {
      this.onProblem(problem);
    }
  }

  async load({ further = false } = {}) {
    try {
      const before = further && this.items.length ? `&before=${this.items.at(-1).batch}` : "";
      const [{ items }, { items: refused }] = await Promise.all([
        this.ask(`/deliveries?n=${PAGE}${before}`),
        this.ask("/deliveries/refused?n=20"),
      ]);
      this.items = further ? [...this.items, ...items] : items;
      this.more = items.length === PAGE;
      this.refused = refused;
      this.draw();
    } catch (problem) {
      this.onProblem(problem);
    }
  }

  draw() {
    const { language } = this;
    refill(this.node.querySelector("#batches"), this.items.map((batch) => this.row(batch)));
    this.node.querySelector("#history-empty").hidden = this.items.length > 0;
    this.node.querySelector("#history-more").hidden = !this.more;
    const refused = this.node.querySelector("#refused");
    refused.hidden = !this.refused.length;
    refill(
      refused.querySelector("ul"),
      this.refused.map((file) =>
        element(
          "li",
          {},
          element(
            "p",
            { class: "refused-name" },
            element("strong", { text: file.layer ? `${file.file} · ${file.layer}` : file.file }),
            file.taken_since ? element("span", { class: "chip chip-good", text: language.text("deliver.taken_since") }) : null,
            element("span", { class: "aside", text: [language.time(file.last_at), file.given_by, file.times > 1 ? `× ${file.times}` : null].filter(Boolean).join(" · ") }),
          ),
          element("p", { class: "aside", text: inLanguage(file.message, language.current) }),
        ),
      ),
    );
  }

  row(batch) {
    const { language } = this;
    const tone = STATE_TONES[batch.state] ? `chip chip-${STATE_TONES[batch.state]}` : "chip";
    const department = batch.department ? language.pick(batch.department, "name") : "–";
    const counted = ["inserted", "changed", "unchanged"].map((name) => [language.text(`deliver.count.${name}`), batch[name]]);
    const body = element("div", { class: "batch-body" });
    return element(
      "details",
      { class: "batch", "data-batch": batch.batch, on: { toggle: (event) => event.target.open && this.open(batch.batch, body) } },
      element(
        "summary",
        {},
        element(
          "span",
          { class: "row-main" },
          element("strong", { class: "row-title", text: batch.layer && !batch.file.startsWith(`${batch.layer}.`) ? `${batch.file} · ${batch.layer}` : batch.file }),
          element("span", { class: "row-code", text: [`#${batch.batch}`, department, language.text(`target.${batch.target}`), language.time(batch.started_at), batch.mends ? language.text("deliver.mends", { batch: batch.mends }) : null].filter(Boolean).join(" · ") }),
        ),
        element("span", { class: "batch-counts" }, counted.map(([label, value]) => element("span", {}, element("b", { text: language.number(value) }), ` ${label}`))),
        batch.ended ? element("span", { class: "chip", text: language.text("deliver.ended_count", { count: language.number(batch.ended) }) }) : null,
        batch.rejected ? this.refusals(batch) : null,
        element("span", { class: tone, text: language.text(`batch_state.${batch.state}`) }),
        icon("chevron", 18),
      ),
      body,
    );
  }

  /** How many rows were refused, and how many of them have been mended since. */
  refusals({ rejected, mended }) {
    const { language } = this;
    const key = mended ? "deliver.rejected_mended" : "deliver.rejected_count";
    return element("span", { class: `chip chip-${mended < rejected ? "care" : "good"}`, text: language.text(key, { count: language.number(rejected), mended: language.number(mended) }) });
  }

  async open(number, body) {
    const { language } = this;
    try {
      const [batch, rejected] = await Promise.all([
        this.ask(`/deliveries/${number}`),
        this.ask(`/deliveries/${number}/rejected?n=20`),
      ]);
      refill(body, this.linked(batch), this.reasons(batch), this.table(batch, rejected));
      if (CAN_GO_BACK.has(batch.target) && batch.state !== "rolled_back" && batch.state !== "running") {
        body.append(element("p", { class: "batch-actions" }, element("button", { type: "button", class: "plain-button danger-button", text: language.text("deliver.roll_back"), on: { click: () => this.confirm(batch) } })));
      }
      if (!batch.reasons.length && !batch.rejected) body.prepend(element("p", { class: "nothing", text: language.text("deliver.none_rejected") }));
    } catch (problem) {
      this.onProblem(problem);
    }
  }

  linked({ linked }) {
    const { language } = this;
    if (!linked || !(linked.accepted + linked.review + linked.unlinked)) return null;
    return element(
      "p",
      { class: "linked" },
      language.text("deliver.linked", {
        accepted: language.number(linked.accepted),
        review: language.number(linked.review),
        unlinked: language.number(linked.unlinked),
      }),
      linked.review ? element("a", { class: "text-link", href: "/link", text: language.text("deliver.to_review") }) : null,
    );
  }

  reasons(batch) {
    const { language } = this;
    const own = language.current.startsWith("zh") ? "zh" : "en";
    if (!batch.reasons.length) return null;
    return element(
      "ul",
      { class: "reasons" },
      batch.reasons.map((reason) =>
        element(
          "li",
          {},
          element("span", { class: "count", text: language.number(reason.count) }),
          element("div", {}, element("p", { class: "reason-text", text: reason[own] }), element("p", { class: "fix", text: `→ ${reason[`fix_${own}`]}` })),
        ),
      ),
    );
  }

  /** The first rows set aside as they were delivered, and the file to mend. */
  table(batch, { columns, items: rows }) {
    const { language } = this;
    if (!batch.rejected) return null;
    if (!rows.length) return element("p", { class: "nothing", text: language.text("deliver.rows_hidden") });
    const own = language.current.startsWith("zh") ? "zh" : "en";
    return element(
      "div",
      {},
      element(
        "div",
        { class: "table-scroll", tabindex: "0", role: "region", "aria-label": language.text("deliver.rejected_rows") },
        element(
          "table",
          { class: "rejected" },
          element("thead", {}, element("tr", {}, [language.text("deliver.row"), language.text("deliver.reason"), ...columns].map((name) => element("th", { scope: "col", text: name })))),
          element(
            "tbody",
            {},
            rows.map((row) =>
              element(
                "tr",
                {},
                element("th", { scope: "row", text: language.number(row.row_no) }),
                element(
                  "td",
                  { class: "why" },
                  [row[own], row.detail].filter(Boolean).join(": "),
                  row.mended_in ? element("span", { class: "chip chip-good", text: language.text("deliver.mended_in", { batch: row.mended_in }) }) : null,
                ),
                columns.map((name) => element("td", { text: row.raw[name] ?? "" })),
              ),
            ),
          ),
        ),
      ),
      batch.mended < batch.rejected ? this.mending(batch, own) : null,
    );
  }

  /** The rows as a file, and the way back for it. */
  mending(batch, own) {
    const { language } = this;
    const input = element("input", { type: "file", hidden: true, accept: ".csv,.xlsx,.xls" });
    input.addEventListener("change", () => this.onMended(batch, [...input.files]));
    return element(
      "p",
      { class: "row-actions mend" },
      element("a", { class: "plain-button", href: `/deliveries/${batch.batch}/rejected.csv?lang=${own}`, download: `rejected-${batch.batch}.csv`, text: language.text("deliver.download") }),
      input,
      element("button", { type: "button", class: "plain-button hand-back", text: language.text("deliver.hand_back"), on: { click: () => input.click() } }),
      element("span", { class: "aside", text: language.text("deliver.mend_how") }),
    );
  }
}
