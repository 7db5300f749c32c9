// Before the first paint, so that a page that was set to light does not flash dark.
const chosen = localStorage.getItem('claire.theme');
if (chosen) document.documentElement.dataset.theme = chosen;
