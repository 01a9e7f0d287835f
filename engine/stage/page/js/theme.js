// Before the first paint: the theme of this browser, so that nothing flashes. A classic script on purpose: it blocks.
(function () {
  const colours = { light: "#FCFBF8", dark: "#14161A", pit: "#0B0806" };
  let theme = null;
  try { theme = JSON.parse(localStorage.getItem("collaparte") || "{}").theme; } catch { /* no storage here */ }
  if (!(theme in colours)) theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
  document.querySelector('meta[name="theme-color"]').content = colours[theme];
})();
