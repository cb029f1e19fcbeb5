// Runs before the page is painted, so that a chosen theme does not flash in the other one.
"use strict";
{
  let theme = "";
  try {
    theme = localStorage.getItem("headwater.theme") ?? "";
  } catch {
    // A browser that keeps nothing follows the system.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
