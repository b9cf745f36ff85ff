// One sentence for whoever opens the map for the first time: what a click does. Gone with the first answer.

const SEEN = "twin.hint-seen";

export class FirstHint {
  constructor(notices) {
    this.notices = notices;
  }

  /** Show the hint unless this browser has had it. */
  offer() {
    if (!remembered()) this.notices.show("hint", { text: "hint.click" });
  }

  /** Take it away for good: somebody has asked. */
  done() {
    this.notices.hide("hint");
    try {
      localStorage.setItem(SEEN, "1");
    } catch {
      // private browsing: the hint comes again next time
    }
  }
}

function remembered() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return false;
  }
}
