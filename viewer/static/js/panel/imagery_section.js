// The photos that see the point, each cut out around it with the point marked, and the surveys' products.

import { element, icon } from "../elements.js";
import { chip, heldBack, nothing } from "./facts.js";

const FIRST_SHOWN = 6;

export function imagerySection(answer, { language, actions }) {
  const { photos = [], surveys = [], hidden = 0 } = answer.imagery ?? {};
  if (!photos.length && !surveys.length) return { id: "imagery", count: 0, node: nothing(language.text("imagery.none")) };
  const node = element(
    "div",
    {},
    photos.length
      ? heldBack(element("ul", { class: "photos" }), photos.map((photo) => element("li", {}, thumbnail(photo, language, actions))), FIRST_SHOWN, language)
      : nothing(language.text("imagery.no_photo")),
    hidden ? element("p", { class: "aside with-icon" }, icon("eye", 16), language.text("imagery.hidden", { count: language.number(hidden) })) : null,
    surveys.map((survey) => surveyLine(survey, language)),
  );
  return { id: "imagery", count: photos.length || null, node };
}

function thumbnail(photo, language, actions) {
  const alt = language.text("imagery.alt", { file: photo.file });
  const image = element("img", { src: photo.crop_url, alt, loading: "lazy", decoding: "async", width: 180, height: 180 });
  const frame = element("span", { class: "photo-frame" }, image); // the API draws the ring around the pixel
  image.addEventListener("error", () => frame.replaceChildren(element("span", { class: "nothing", text: language.text("imagery.broken") })));
  return element(
    "button",
    { type: "button", class: "photo", on: { click: () => actions.openPhoto(photo) } },
    frame,
    element("span", { class: "photo-name", text: photo.file }),
    element("span", {
      class: "aside",
      text: language.text("imagery.from", {
        distance: language.metres(photo.distance_m, 0),
        angle: language.number(photo.off_nadir_deg, 0),
      }),
    }),
  );
}

function surveyLine(survey, language) {
  const products = survey.products ?? [];
  const drawn = products.filter((kind) => !kind.startsWith("report"));
  return element(
    "div",
    { class: "survey-line" },
    element("div", {}, element("strong", { text: survey.name }), " ", chip(language.word("survey_kind", survey.kind))),
    element("div", {
      class: "aside",
      text: [
        survey.taken_from ? language.time(survey.taken_from, false) : "",
        Number.isFinite(survey.gsd_m) ? language.text("imagery.gsd", { gsd: language.number(survey.gsd_m * 100, 1) }) : "",
      ]
        .filter(Boolean)
        .join(" · "),
    }),
    element("div", { class: "aside", text: drawn.map((kind) => language.word("product", kind)).join(language.text("list.comma")) }),
    products.includes("report_html")
      ? element("a", {
          class: "text-link",
          href: `/surveys/${encodeURIComponent(survey.name)}/report/report.html`,
          target: "_blank",
          rel: "noopener",
          text: language.text("imagery.report"),
        })
      : null,
  );
}
