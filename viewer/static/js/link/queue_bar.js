// How much waits and for what: progress of the day, and the three filters of the queue.

import { element, refill } from "../elements.js";

export class QueueBar {
  /** onFilter({department, kind, why}) when a filter changes; empty means all. */
  constructor(node, { language, onFilter }) {
    this.node = node;
    this.language = language;
    this.onFilter = onFilter;
    this.queue = null;
    this.asked = { department: "", kind: "", why: "" };
    this.selects = Object.fromEntries(
      Object.keys(this.asked).map((name) => {
        const select = node.querySelector(`select[name=${name}]`);
        select.addEventListener("change", () => {
          this.asked[name] = select.value;
          this.onFilter({ ...this.asked });
        });
        return [name, select];
      }),
    );
  }

  show(queue) {
    this.queue = queue;
    this.draw();
  }

  draw() {
    const { queue, language } = this;
    if (!queue) return;
    const { waiting, progress } = queue;
    const total = waiting + progress.decided_today;
    this.node.querySelector("#waiting").textContent = language.number(waiting);
    const bar = this.node.querySelector("#progress");
    bar.max = Math.max(1, total);
    bar.value = progress.decided_today;
    const said = [language.text("review.today", { count: language.number(progress.decided_today), mine: language.number(progress.by_me_today) })];
    if (progress.held_by_others) said.push(language.text("review.others", { count: language.number(progress.held_by_others) }));
    this.node.querySelector("#progress-text").textContent = said.join(" · ");
    this.fill("department", queue.departments, (entry) => entry.name_zh ?? entry.code);
    this.fill("kind", queue.kinds, (entry) => entry.name_zh ?? language.word("record_kind", entry.code));
    this.fill("why", queue.whys, (entry) => language.word("why", entry.code));
  }

  fill(name, entries, nameOf) {
    const { language } = this;
    const select = this.selects[name];
    const options = entries.map((entry) =>
      element("option", { value: entry.code, text: `${nameOf(entry)} (${language.number(entry.count)})` }),
    );
    refill(select, element("option", { value: "", text: language.text(`review.all.${name}`) }), options);
    select.value = this.asked[name];
    if (select.selectedIndex < 0) select.value = this.asked[name] = "";
  }
}
