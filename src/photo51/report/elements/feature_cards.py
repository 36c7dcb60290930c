"""A feature at a glance, for the report: what it is, its logo, its strongest places."""

from __future__ import annotations

from markupsafe import Markup

from photo51 import words
from photo51.report.elements import feature_text, svg
from photo51.report.elements.blocks import rich
from photo51.report.elements.reading import windows_table
from photo51.run.feature import FeatureFacts
from photo51.run.opened import Run

_CARD = Markup(
    '<article class="concept" id="feature-{number}"><div><h3>{link} {title}</h3><p>{words}</p><dl'
    ' class="facts">{facts}</dl><p class="small">{cause}</p></div><div>{logo}{windows}</div></article>'
)


def feature_card(run: Run, d: FeatureFacts, n_windows: int = 4) -> Markup:
    """A card."""
    facts = Markup("").join(
        Markup('<div title="{}"><dt>{}</dt><dd>{}</dd></div>').format(hint, name, value)
        for name, value, hint in feature_text.facts(d)[:6]
    )
    top = float(d.statistics["maximum"])
    return _CARD.format(
        number=d.feature,
        link=rich(f"{{f{d.feature}}}"),
        title=feature_text.title(d),
        words=rich(feature_text.sentence(d)),
        facts=facts,
        cause=rich(feature_text.cause(d.known)) if d.known.causality else "",
        logo=feature_logo(d),
        windows=windows_table(d.windows[:n_windows], top, run.pages(), d.feature).html(),
    )


def feature_logo(d: FeatureFacts) -> Markup:
    """The logo, or why there is none."""
    logo = d.known.logo
    if logo is None:
        return Markup('<p class="small">{}</p>').format(f"No logo: {feature_text.without_logo(d.known)}")
    alt = f"Logo of feature {d.feature} from {logo.n} windows, consensus {d.known.consensus}"
    caption = f"{words.count(logo.n, 'window')}, lined up at the strongest base (0), reading direction"
    return Markup('<figure>{}<figcaption class="small">{}</figcaption></figure>').format(
        svg.logo_svg(logo.heights, logo.first, alt), caption
    )
