// The other pages, where the masthead has no room for their names: behind a button.

/** button opens and closes nav; Escape and a click elsewhere close it. */
export function bindPageMenu(button, nav) {
  const show = (open) => {
    nav.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => {
    const open = !nav.classList.contains("open");
    show(open);
    if (open) nav.querySelector("a").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !nav.classList.contains("open")) return;
    show(false);
    button.focus();
  });
  document.addEventListener("click", (event) => {
    if (!nav.contains(event.target) && !button.contains(event.target)) show(false);
  });
}
