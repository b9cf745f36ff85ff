// The name of the asset under the pointer.

import { element, refill } from "./elements.js";

export class Tooltip {
  /** node: the floating element. classNames(): Map of class code to {name_zh, name_en}, or undefined before it is known. */
  constructor(node, { language, classNames }) {
    this.node = node;
    this.language = language;
    this.classNames = classNames;
  }

  /** Show what was found under the pointer, or hide. found: {feature, x, y} or null. */
  show(found) {
    const properties = found?.feature?.properties;
    this.node.hidden = !properties;
    if (!properties) return;
    const known = this.classNames()?.get(String(properties.class_code));
    const name = known ? this.language.pick(known, "name") : properties.name_zh || properties.class_code;
    refill(
      this.node,
      element("strong", { text: name ?? "" }),
      element("span", { text: properties.code ?? "" }),
      properties.state && properties.state !== "完好" ? element("span", { class: "bad", text: this.language.word("state", properties.state) }) : null,
    );
    this.node.style.transform = `translate(${Math.round(found.x + 14)}px, ${Math.round(found.y + 14)}px)`;
  }
}
