// A photo cut out around the point, large, with its pixel marked.

import { element, refill } from "./elements.js";

const SIZES = [320, 640, 1200];

export class PhotoViewer {
  /** dialog: the <dialog> element with .photo-title, .photo-stage, .photo-facts and .photo-sizes inside. */
  constructor(dialog, language) {
    this.dialog = dialog;
    this.language = language;
    dialog.querySelector(".dialog-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    language.onSwitch(() => this.photo && this.dialog.open && this.draw());
  }

  open(photo) {
    this.photo = photo;
    this.size = SIZES[1];
    this.draw();
    this.dialog.showModal();
  }

  draw() {
    const { photo, language } = this;
    this.dialog.querySelector(".photo-title").textContent = photo.file;
    this.dialog.querySelector(".photo-facts").textContent = [
      language.text("imagery.ring"),
      photo.survey,
      photo.taken_at ? language.time(photo.taken_at) : "",
      language.text("imagery.pixel", { col: photo.pixel.col.toFixed(1), row: photo.pixel.row.toFixed(1) }),
      language.text("imagery.from", { distance: language.metres(photo.distance_m, 0), angle: language.number(photo.off_nadir_deg, 0) }),
    ]
      .filter(Boolean)
      .join(" · ");
    this.drawSizes();
    this.drawImage();
  }

  drawSizes() {
    refill(
      this.dialog.querySelector(".photo-sizes"),
      SIZES.map((size) =>
        element("button", {
          type: "button",
          class: "segment",
          "aria-pressed": String(size === this.size),
          text: this.language.text(`imagery.size.${size}`),
          on: { click: () => { this.size = size; this.draw(); } },
        }),
      ),
    );
  }

  drawImage() {
    const url = new URL(this.photo.crop_url, location);
    url.searchParams.set("size", this.size);
    const alt = this.language.text("imagery.alt", { file: this.photo.file });
    const image = element("img", { src: url.href, alt });
    const stage = this.dialog.querySelector(".photo-stage");
    image.addEventListener("error", () => refill(stage, element("p", { class: "nothing", text: this.language.text("imagery.broken") })));
    refill(stage, image);
  }
}
