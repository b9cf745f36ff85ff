// The log-in page: in, out, one's own password, the second factor set up or renewed, and where one is logged in.

import { Desk } from "../desk/desk.js";
import { refill } from "../elements.js";
import { showSessions } from "./session_list.js";

const find = (selector) => document.querySelector(selector);

class LoginPage {
  constructor(settings) {
    this.desk = new Desk(settings, "login.title");
    this.language = this.desk.language;
  }

  async start() {
    await this.desk.start();
    const onSubmit = (selector, run) =>
      find(selector).addEventListener("submit", (event) => {
        event.preventDefault();
        this.doing(run);
      });
    onSubmit("#enter-form", () => this.enter());
    onSubmit("#password-form", () => this.changePassword());
    onSubmit("#second-form", () => this.confirmSecond());
    find("#leave").addEventListener("click", () => this.doing(() => this.leave()));
    find("#enrol-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.doing(() => this.enrol());
    });
    find("#end-others").addEventListener("click", () => this.doing(() => this.endSessions("")));
    this.language.onSwitch(() => {
      this.draw();
      this.drawSessions();
    });
    this.draw();
    await this.doing(() => this.readSessions());
    document.documentElement.dataset.state = "ready";
  }

  /** Run one step; what goes wrong is said above the cards. */
  async doing(run) {
    this.say("");
    document.body.classList.add("working");
    try {
      await run();
    } catch (problem) {
      this.say(this.desk.words(problem).text);
    }
    document.body.classList.remove("working");
  }

  say(text) {
    find("#said").textContent = text;
    find("#said").hidden = !text;
  }

  async enter() {
    const [name, password, code] = ["#name", "#password", "#code"].map((field) => find(field).value);
    const body = { name, password, ...(code ? { code } : {}) };
    try {
      this.desk.account = await this.desk.ask("/auth/login", { method: "POST", body });
    } catch (problem) {
      if (!problem.told?.type?.endsWith("second-factor-needed")) throw problem;
      find("#code-field").hidden = false;
      find("#code").required = true;
      find("#code").focus();
      return;
    }
    for (const field of ["#password", "#code"]) find(field).value = "";
    this.desk.titlePage();
    if (!this.desk.account.must.length) location.assign(this.next());
    else await this.again();
  }

  async leave() {
    await this.desk.ask("/auth/logout", { method: "POST", body: {} });
    await this.again();
  }

  async again() {
    await this.desk.recognise();
    this.desk.titlePage();
    this.draw();
    await this.readSessions();
  }

  /** Ask where one is logged in; somebody who must still do something is not told. */
  async readSessions() {
    const { account } = this.desk;
    const told = account?.name && !account.must.length;
    this.sessions = told ? (await this.desk.ask("/auth/sessions")).items : [];
    this.drawSessions();
  }

  drawSessions() {
    const sessions = this.sessions ?? [];
    find("#sessions").hidden = !sessions.length;
    find("#end-others").hidden = sessions.length < 2;
    showSessions(find("#session-list"), sessions, this.language, (id) => this.doing(() => this.endSessions(`/${id}`)));
  }

  async endSessions(which) {
    await this.desk.ask(`/auth/sessions${which}`, { method: "DELETE" });
    await this.readSessions();
    find("#sessions-title").focus();
    this.say(this.language.text("login.sessions.ended"));
  }

  async changePassword() {
    const [old, fresh] = ["#old", "#new"].map((field) => find(field).value);
    await this.desk.ask("/auth/password", { method: "POST", body: { old, new: fresh } });
    find("#password-form").reset();
    await this.again();
    this.say(this.language.text("login.changed"));
  }

  async enrol() {
    const present = find("#present-code").value;
    const body = present ? { code: present } : {};
    const { svg, secret } = await this.desk.ask("/auth/totp", { method: "POST", body });
    find("#present-code").value = "";
    find("#second-picture").src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    find("#second-secret").textContent = secret;
    find("#second-form").hidden = false;
    find("#enrol-form").hidden = true;
    find("#second-code").focus();
  }

  async confirmSecond() {
    const body = { code: find("#second-code").value };
    const { recovery_codes: codes } = await this.desk.ask("/auth/totp/confirm", { method: "POST", body });
    refill(
      find("#recovery-codes"),
      codes.map((code) => Object.assign(document.createElement("li"), { textContent: code })),
    );
    find("#second-form").hidden = true;
    find("#recovery").hidden = false;
    await this.again();
  }

  /** Where to go on: a page of this site, or the map. */
  next() {
    const asked = new URLSearchParams(location.search).get("next") ?? "";
    return /^\/(?![/\\])/.test(asked) ? asked : "/";
  }

  draw() {
    const { account } = this.desk;
    const { language } = this;
    const inside = Boolean(account?.name);
    const must = account?.must ?? [];
    find("#enter").hidden = inside;
    for (const selector of ["#account", "#own-password", "#second"]) find(selector).hidden = !inside;
    find("#enter-lead").textContent = language.text(account?.has_accounts ? "login.lead" : "login.none");
    const openid = find("#openid");
    openid.hidden = !account?.openid;
    openid.textContent = language.text("login.openid", { provider: account?.openid ?? "" });
    openid.href = `/auth/openid?next=${encodeURIComponent(this.next())}`;
    if (new URLSearchParams(location.search).has("refused")) this.say(language.text("login.openid.refused"));
    if (!inside) return;
    find("#account-title").textContent = account.person;
    const area = [account.department, ...account.grids].filter(Boolean).join("、");
    const said = language.text("login.as", { name: account.name, role: language.word("role", account.role) });
    const todo = must.map((what) => language.text(what === "password" ? "login.must.password" : "login.must.second"));
    find("#account-text").textContent = [said, area, ...todo].filter(Boolean).join(" · ");
    find("#onward").hidden = must.length > 0;
    find("#onward").href = this.next();
    const renews = account.second_factor;
    find("#present-field").hidden = !renews;
    find("#present-code").required = renews;
    find("#second-lead").textContent = language.text(renews ? "login.renew.text" : "login.second.text");
    find("#enrol").textContent = language.text(renews ? "login.renew" : "login.second.begin");
  }
}

const settings = JSON.parse(document.querySelector('meta[name="twin-settings"]').content);
new LoginPage(settings).start();
