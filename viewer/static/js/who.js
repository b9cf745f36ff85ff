// Who has logged in, told in the menu of pages.

import { fetchJson } from "./city_api.js";

/** Ask who one is: {name, person, role, must, has_accounts, ...}; null where that cannot be told now. */
export function whoAmI() {
  return fetchJson("/auth/me").catch(() => null);
}

/** Write the person's name, or "log in", on the menu's link to the log-in page. */
export function nameLink(account, language) {
  const link = document.querySelector('.pages a[href="/login"]');
  if (link) link.textContent = account?.name ? account.person : language.text("nav.login");
}
