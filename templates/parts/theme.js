// Before anything is drawn, so that a chosen theme does not flash.
document.documentElement.classList.add("script");
try {
  const chosen = localStorage.getItem("mlfix-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch (error) {
  // Storage may be forbidden for local files; the system's theme then stands.
}
