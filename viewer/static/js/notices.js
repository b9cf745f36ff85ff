// Short messages over the map: what failed, what is missing, what to do. Read aloud politely.

import { element, icon, iconButton, refill } from "./elements.js";

export class Notices {
  constructor(node, language) {
    this.node = node;
    this.language = language;
    this.notices = new Map();
    language.onSwitch(() => this.draw());
  }

  /** Show a notice. id: one of each kind at a time. action: {text (key), run} or null. values fill the text. */
  show(id, { tone = "info", title = null, text, values = {}, action = null, lasting = true, code = null }) {
    this.notices.set(id, { tone, title, text, values, action, code });
    this.draw();
    if (!lasting) setTimeout(() => this.hide(id), 4500);
  }

  hide(id) {
    if (this.notices.delete(id)) this.draw();
  }

  draw() {
    const { language } = this;
    refill(
      this.node,
      [...this.notices].map(([id, notice]) =>
        element(
          "div",
          { class: `notice notice-${notice.tone}`, "data-notice": id },
          notice.tone === "care" ? icon("warning", 20) : null,
          element(
            "div",
            { class: "notice-text" },
            notice.title ? element("strong", { text: language.text(notice.title, notice.values) }) : null,
            element("p", { text: language.text(notice.text, notice.values) }),
            notice.code ? element("code", { text: notice.code }) : null,
            notice.action
              ? element("button", { type: "button", class: "text-button", text: language.text(notice.action.text), on: { click: notice.action.run } })
              : null,
          ),
          iconButton("close", language.text("notice.close"), () => this.hide(id)),
        ),
      ),
    );
  }
}
