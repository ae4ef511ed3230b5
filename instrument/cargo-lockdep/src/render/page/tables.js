// The contention table is sorted by the column whose head is chosen.

const table = document.getElementById("stats");
if (table) {
  table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
    const key = Number(button.dataset.key), head = button.parentElement;
    const up = head.getAttribute("aria-sort") === "descending";
    table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const value = (tr) => tr.cells[key].dataset.sort;
    const rows = [...body.rows].sort((a, b) => (key === 0 ? value(a).localeCompare(value(b)) : value(a) - value(b)));
    body.append(...(up ? rows : rows.reverse()));
  }));
}

// A link to a report opens it, also when the address was typed or a report names another.
const reveal = () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();
