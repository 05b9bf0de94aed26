"""What axe-core, a checker of accessibility, finds in widgets of a page."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT

GRAVE = ("serious", "critical")
RUN = """async css => { const found = await axe.run({include: [css]}, {resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
    return found.violations.map(v => [v.id, v.impact, v.nodes.map(n => [n.html.slice(0, 200), n.failureSummary])]) }"""
LEFT_ALONE = {"region"}
"""``region``: landmarks are the page's, not a cell's."""


def grave(page, css: str) -> list:
    """Return the serious and critical problems of all elements that ``css`` names: rule, weight, elements."""
    if not page.evaluate("() => 'axe' in window"):
        # JupyterLab has a module loader (define), which axe would register itself with instead of window.
        page.evaluate("script => { const keep = window.define; window.define = undefined; try { (0, eval)(script) } "
                      "finally { window.define = keep } }", AXE_SCRIPT)  # fmt: skip
    # JupyterLab's body has no height and hides what sticks out of it, so that axe takes all text for hidden.
    page.evaluate("() => { document.body.style.height = '100vh' }")
    assert page.locator(css).count(), f"nothing in the page is {css}"
    return [v for v in page.evaluate(RUN, css) if v[1] in GRAVE and v[0] not in LEFT_ALONE]


def grave_in_both_themes(book, *widgets: str) -> list:
    """Return the problems in JupyterLab's light and dark theme."""
    found = []
    for theme in ("Dark", "Light"):
        book.theme(f"JupyterLab {theme}")
        # Colours that change with a transition are looked at when they stand.
        book.page.wait_for_function("() => !document.getAnimations().some(a => a instanceof CSSTransition)")
        found += [[theme, css, *problem] for css in widgets for problem in grave(book.page, css)]
    return found
