// What became of one file: counts, how it was read, why rows were set aside, and what its deliverer is asked.

import { element, icon } from "../elements.js";
import { inLanguage } from "../desk/desk_api.js";

const COUNTS = ["read", "inserted", "changed", "unchanged", "rejected"];
const CARE = new Set(["rejected", "ended"]);
const ASKED = new Set(["UnknownMapping", "DatumUnsure"]); // what its deliverer can answer
const ROWS_SHOWN = 12;

/**
 * Make the card of a file or layer. entry: of check.files or taken.files; rules: texts by code.
 * ask: {mappings, onAnswer(file, {mapping} or {datum})} when choices can still be made, else null.
 */
export function fileResult(entry, { language, rules, ask }) {
  const name = entry.layer && !entry.file.startsWith(`${entry.layer}.`) ? `${entry.file} · ${entry.layer}` : entry.file;
  return element(
    "article",
    { class: "file-result", "data-file": entry.file },
    element(
      "header",
      {},
      element("h3", { text: name }),
      verdict(entry, language),
      entry.mapping ? element("span", { class: "aside", text: `${language.text(`target.${entry.target}`)} · ${entry.mapping}` }) : null,
    ),
    entry.problem ? problem(entry, language, ask) : counts(entry, language),
    entry.problem ? null : howRead(entry, language),
    reasons(entry, language, rules),
    notes(entry, language, rules),
  );
}

function verdict(entry, language) {
  if (entry.problem && ASKED.has(entry.problem.kind)) return element("span", { class: "chip chip-care", text: language.text("deliver.verdict.asked") });
  if (entry.problem) return element("span", { class: "chip chip-bad", text: language.text("deliver.verdict.no") });
  if (entry.rejected) {
    return element("span", { class: "chip chip-care", text: language.text("deliver.verdict.some", { count: language.number(entry.rejected) }) });
  }
  return element("span", { class: "chip chip-good", text: language.text("deliver.verdict.all") });
}

function counts(entry, language) {
  return element(
    "dl",
    { class: "counts" },
    [...COUNTS, ...(entry.ended ? ["ended"] : [])].map((name) =>
      element(
        "div",
        { class: `count-${name}${CARE.has(name) && entry[name] ? " count-care" : ""}` },
        element("dt", { text: language.text(`deliver.count.${name === "ended" && entry.dry_run ? "to_end" : name}`) }),
        element("dd", { text: language.number(entry[name]) }),
      ),
    ),
  );
}

function howRead(entry, language) {
  const rows = [];
  if (entry.crs) rows.push([language.text("deliver.crs"), `${entry.crs} · ${entry.crs_how?.[language.current.startsWith("zh") ? "zh" : "en"] ?? ""}`]);
  if (entry.datum) rows.push([language.text("deliver.datum"), `${language.word("datum", entry.datum.taken)} · ${entry.datum[language.current.startsWith("zh") ? "zh" : "en"]}`]);
  if (entry.encoding) rows.push([language.text("deliver.encoding"), entry.encoding]);
  if (entry.unplaced_columns.length) rows.push([language.text("deliver.unplaced"), entry.unplaced_columns.join(language.text("deliver.comma"))]);
  if (!rows.length) return null;
  return element("dl", { class: "how-read" }, rows.map(([label, value]) => element("div", {}, element("dt", { text: label }), element("dd", { text: value }))));
}

/** Why rows were set aside: the rule's sentence, how often, where, and what to do. */
function reasons(entry, language, rules) {
  const codes = Object.entries(entry.reasons);
  if (!codes.length) return null;
  return element(
    "ul",
    { class: "reasons" },
    codes.map(([code, count]) => {
      const rule = rules[code] ?? {};
      const rows = entry.rejected_rows[code] ?? [];
      const listed = rows.slice(0, ROWS_SHOWN).map((row) => language.number(row)).join(language.text("deliver.comma"));
      return element(
        "li",
        {},
        element("span", { class: "count", text: language.number(count) }),
        element(
          "div",
          {},
          element("p", { class: "reason-text", text: language.current.startsWith("zh") ? (rule.zh ?? code) : (rule.en ?? code) }),
          element("p", { class: "fix", text: `→ ${language.current.startsWith("zh") ? (rule.fix_zh ?? "") : (rule.fix_en ?? "")}` }),
          rows.length ? element("p", { class: "aside", text: language.text(count > rows.length || rows.length > ROWS_SHOWN ? "deliver.rows_more" : "deliver.rows", { rows: listed }) }) : null,
          code === "class_unknown" ? unknownClasses(entry, language) : null,
        ),
      );
    }),
  );
}

function unknownClasses(entry, language) {
  const words = Object.entries(entry.unknown_classes);
  if (!words.length) return null;
  return element("p", { class: "aside", text: `${language.text("deliver.unknown_classes")} ${words.map(([word, count]) => `${word} × ${count}`).join(language.text("deliver.comma"))}` });
}

function notes(entry, language, rules) {
  const codes = Object.entries(entry.notes);
  if (!codes.length) return null;
  return element(
    "ul",
    { class: "notes" },
    codes.map(([code, count]) => {
      const rule = rules[code] ?? {};
      return element("li", {}, element("span", { class: "count", text: language.number(count) }), element("p", { text: language.current.startsWith("zh") ? (rule.zh ?? code) : (rule.en ?? code) }));
    }),
  );
}

/** Why the file cannot be taken; where a choice of its deliverer would help, the choices. */
function problem(entry, language, ask) {
  const { kind, text, do: todo, mappings, datums } = entry.problem;
  const answer = (given) => ask.onAnswer(entry.file, given);
  const isAsked = ask && ASKED.has(kind);
  // The figures of each datum stand on its button.
  const said = kind === "DatumUnsure" ? language.text("deliver.datum_unsure") : inLanguage(text, language.current);
  return element(
    "div",
    { class: "file-problem" },
    element(
      "div",
      { class: "callout callout-care" },
      icon("warning", 18),
      element("div", {}, element("p", { text: said }), isAsked ? null : element("p", { class: "aside", text: inLanguage(todo, language.current) })),
    ),
    isAsked && kind === "UnknownMapping" ? mappingChoice(mappings, language, ask.mappings, answer) : null,
    isAsked && kind === "DatumUnsure" ? datumChoice(datums, language, answer) : null,
  );
}

/** The mappings that fit, as buttons; where none fits, all of them in a list. */
function mappingChoice(fitting, language, mappings, answer) {
  const known = mappings.filter((item) => fitting.includes(item.name));
  const needs = (item) => (item.columns.length ? language.text("deliver.needs_columns", { columns: item.columns.join(language.text("deliver.comma")) }) : item.name);
  const legend = element("legend", { text: language.text("deliver.ask.mapping") });
  if (known.length) {
    return element("fieldset", { class: "ask" }, legend, element("div", { class: "ask-options" }, known.map((item) => option(language.pick(item, "title"), needs(item), { "data-mapping": item.name }, () => answer({ mapping: item.name })))));
  }
  const select = element("select", { "aria-label": language.text("deliver.ask.mapping") }, mappings.map((item) => element("option", { value: item.name, text: `${language.pick(item, "title")} – ${needs(item)}` })));
  return element(
    "fieldset",
    { class: "ask field" },
    legend,
    element("div", { class: "ask-list" }, select, element("button", { type: "button", class: "plain-button", text: language.text("deliver.ask.try"), on: { click: () => answer({ mapping: select.value }) } })),
  );
}

function option(title, text, attributes, onClick) {
  return element("button", { type: "button", class: "ask-option", ...attributes, on: { click: onClick } }, element("strong", { text: title }), element("small", { text }));
}

/** The three datums with what known places say for each. */
function datumChoice(fits, language, answer) {
  const share = (value) => `${language.number(value * 100)}%`;
  const says = (fit) =>
    language.text("deliver.fit", {
      inside: share(fit.in_district),
      built: share(fit.on_building),
      east: language.number(fit.shift_m[0]),
      north: language.number(fit.shift_m[1]),
    });
  return element(
    "fieldset",
    { class: "ask" },
    element("legend", { text: language.text("deliver.ask.datum") }),
    element("div", { class: "ask-options" }, fits.map((fit) => option(language.word("datum", fit.datum), says(fit), { "data-datum": fit.datum }, () => answer({ datum: fit.datum })))),
  );
}
