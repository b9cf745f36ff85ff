// Where one is logged in: each session with its device and times, and a button that ends it.

import { element, refill } from "../elements.js";

/** Show sessions in a list. end: called with the id of the one to end. */
export function showSessions(list, sessions, language, end) {
  refill(list, sessions.map((session) => row(session, language, end)));
}

function row(session, language, end) {
  const device = [session.device || language.text("login.sessions.unknown"), session.address].filter(Boolean).join(" · ");
  const times = language.text("login.sessions.times", {
    since: language.time(session.made_at),
    seen: language.time(session.seen_at),
  });
  const ending = session.here
    ? element("span", { class: "aside", text: language.text("login.sessions.here") })
    : element("button", {
        type: "button",
        class: "plain-button",
        text: language.text("login.sessions.end"),
        "aria-label": `${language.text("login.sessions.end")}: ${device}`,
        on: { click: () => end(session.session_id) },
      });
  return element(
    "li",
    { "data-session": session.session_id },
    element("div", {}, element("strong", { text: device }), element("div", { class: "aside", text: times })),
    ending,
  );
}
