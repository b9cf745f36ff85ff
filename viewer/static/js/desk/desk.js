// What the desk's pages share: language, the person who works here, notices, help, and asking on that person's behalf.

import { CityProblem, fetchJson } from "../city_api.js";
import { Language } from "../language.js";
import { Notices } from "../notices.js";
import { nameLink, whoAmI } from "../who.js";
import { inLanguage, send } from "./desk_api.js";

const PERSON = "twin.person";
const find = (selector) => document.querySelector(selector);

export class Desk {
  /** settings: of the page. title: the key of the page's own name. */
  constructor(settings, title) {
    this.settings = settings;
    this.title = title;
    this.language = new Language(settings.languages, settings.static, fetchJson);
    this.language.utcOffsetH = settings.city.utc_offset_h;
    this.person = stored(PERSON);
  }

  /** Load the texts and make the controls of the masthead work. */
  async start() {
    const { language } = this;
    await language.use(language.preferred(new URLSearchParams(location.search).get("lang")));
    this.notices = new Notices(find("#notices"), language);
    await this.recognise();
    language.onSwitch(() => this.titlePage());
    this.titlePage();
    for (const button of document.querySelectorAll("[data-language]")) {
      button.addEventListener("click", () => language.use(button.dataset.language));
    }
    find("#help-button").addEventListener("click", () => find("#help").showModal());
    find("#help-close").addEventListener("click", () => find("#help").close());
    find("#person-button").addEventListener("click", () => (this.account?.has_accounts ? this.toLogin() : this.askPerson()));
    find("#person-form").addEventListener("submit", (event) => this.namePerson(event));
  }

  titlePage() {
    const { language, settings } = this;
    const name = language.pick(settings.city, "name");
    document.title = `${language.text(this.title)} · ${name}`;
    find("#city-name").textContent = name;
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language.current));
    }
    for (const link of document.querySelectorAll(".pages a")) {
      if (link.getAttribute("href") === location.pathname) link.setAttribute("aria-current", "page");
    }
    const nobody = this.account?.has_accounts ? "nav.login" : "desk.nobody";
    find("#person-name").textContent = this.person || language.text(nobody);
    nameLink(this.account, language);
  }

  /** Find out who has logged in. Where there are accounts, the name is theirs and not one that was typed. */
  async recognise() {
    this.account = await whoAmI();
    if (this.account?.has_accounts) this.person = this.account.person ?? "";
    else this.person = stored(PERSON);
  }

  /** Go to the log-in page, and come back from there. */
  toLogin() {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {}); // the page is left
  }

  /** Make sure that a name is there before anything is written; resolves when it is. */
  async needPerson() {
    if (this.account?.has_accounts && !this.account.name) await this.toLogin();
    if (this.account?.must?.length) await this.toLogin();
    while (!this.person) await this.askPerson();
  }

  askPerson() {
    const dialog = find("#person");
    find("#person-input").value = this.person;
    if (!dialog.open) dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  }

  namePerson(event) {
    const name = find("#person-input").value.trim();
    if (!name) {
      event.preventDefault();
      return;
    }
    const changed = this.person && this.person !== name;
    this.person = name;
    store(PERSON, name);
    this.titlePage();
    if (changed) this.onPerson?.();
  }

  /** Ask the API on the person's behalf. */
  ask(path, options = {}) {
    return send(path, { ...options, person: this.person });
  }

  /** Say a problem in the page's words, and in the server's where it gave any. Returns {title, text}. */
  words(problem) {
    const { language } = this;
    const kind = problem instanceof CityProblem ? problem.kind : "broken";
    if (kind === "broken" && !(problem instanceof CityProblem)) console.error(problem);
    const told = inLanguage(problem.told?.detail, language.current);
    return { title: language.text(`problem.${kind}`), text: told || language.text(`problem.${kind}.do`) };
  }

  /** Show a problem over the page until it is closed or the next of its id comes. */
  show(problem, id = "problem") {
    const { title, text } = this.words(problem);
    this.notices.show(id, { tone: "care", title, text });
  }
}

/** Read something kept in this browser; "" where there is nothing, or where nothing may be kept. */
export function stored(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Keep something in this browser, where it may be kept. */
export function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // private browsing: it lasts as long as the page
  }
}
