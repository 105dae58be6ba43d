//! Charts of a run, as SVG on a light card of their own: they read the same on light and dark pages.

use std::path::Path;

use anyhow::Context as _;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Circle, DrawingArea, EmptyElement, IntoDrawingArea as _, IntoFont as _, IntoLogRange as _,
    LineSeries, RGBColor, Rectangle, SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, ShapeStyle};

use super::Report;
use super::number::{count, percent, rows, time};
use super::targets::Unit;
use crate::measured::middle;

const CARD: RGBColor = RGBColor(247, 247, 244);
const INK: RGBColor = RGBColor(40, 44, 52);
const FAINT: RGBColor = RGBColor(208, 208, 202);
const OURS: RGBColor = RGBColor(0, 110, 144);
const OTHER: RGBColor = RGBColor(150, 156, 164);
const MISSED: RGBColor = RGBColor(190, 80, 40);

const WIDTH: u32 = 760;
/// Where bars begin.
const LEFT: i32 = 330;
/// The longest bar.
const LENGTH: f64 = 330.0;
const ROW: i32 = 26;
const TOP: i32 = 56;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A chart that can be drawn from a report; nothing where the report has no figures for it.
type Chart = fn(&Report) -> anyhow::Result<Option<String>>;

/// All charts, by file name.
const ALL: [(&str, Chart); 3] =
    [("bench-ratios.svg", ratios), ("bench-sizes.svg", sizes), ("bench-isolation.svg", isolation)];

/// Draw them into a folder; the names of those that were drawn.
pub(crate) fn draw(report: &Report, folder: &Path) -> anyhow::Result<Vec<&'static str>> {
    let mut drawn = Vec::new();
    for (name, chart) in ALL {
        if let Some(svg) = chart(report).with_context(|| name.to_owned())? {
            std::fs::write(folder.join(name), svg)?;
            drawn.push(name);
        }
    }
    Ok(drawn)
}

fn text(size: i32, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK).pos(Pos::new(horizontal, VPos::Center))
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("cannot draw: {error}")
}

/// A bar with its label, its value and, where there is one, a mark of what was to be reached.
struct Bar {
    label: String,
    value: String,
    length: f64,
    mark: Option<f64>,
    colour: RGBColor,
}

fn bars(title: &str, bars: &[Bar]) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let height = TOP + ROW * i32::try_from(bars.len())? + 14;
        let area = SVGBackend::with_string(&mut svg, (WIDTH, u32::try_from(height)?)).into_drawing_area();
        area.fill(&CARD).map_err(failed)?;
        area.draw(&Text::new(title.to_owned(), (20, 28), text(17, HPos::Left))).map_err(failed)?;
        for (bar, at) in bars.iter().zip(0i32..) {
            draw_bar(&area, bar, TOP + ROW * at)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

#[expect(clippy::cast_possible_truncation, reason = "pixels")]
fn draw_bar(area: &Area<'_>, bar: &Bar, y: i32) -> anyhow::Result<()> {
    let middle = y + ROW / 2 - 3;
    let end = LEFT + (bar.length.clamp(0.0, 1.0) * LENGTH) as i32;
    let filled = |colour: RGBColor| ShapeStyle::from(&colour).filled();
    area.draw(&Text::new(bar.label.clone(), (LEFT - 10, middle), text(13, HPos::Right))).map_err(failed)?;
    area.draw(&Rectangle::new([(LEFT, y), (end, y + ROW - 8)], filled(bar.colour))).map_err(failed)?;
    let mut free = end.max(LEFT);
    if let Some(mark) = bar.mark {
        let x = LEFT + (mark.clamp(0.0, 1.0) * LENGTH) as i32;
        area.draw(&Rectangle::new([(x - 1, y - 3), (x + 1, y + ROW - 5)], filled(INK))).map_err(failed)?;
        free = free.max(x);
    }
    area.draw(&Text::new(bar.value.clone(), (free + 8, middle), text(13, HPos::Left))).map_err(failed)
}

/// How near the server comes to the skeleton, with marks where it is to come.
fn ratios(report: &Report) -> anyhow::Result<Option<String>> {
    let parts = report.targets.iter().filter(|target| target.unit == Unit::Percent && target.at_least);
    let shown: Vec<Bar> = parts
        .map(|target| Bar {
            label: target.what.clone(),
            value: percent(target.found),
            length: target.found,
            mark: Some(target.bound),
            colour: match (target.sure, target.met) {
                (false, _) => OTHER,
                (true, true) => OURS,
                (true, false) => MISSED,
            },
        })
        .collect();
    if shown.is_empty() {
        return Ok(None);
    }
    bars(
        "Operations per second as a part of what the bare machine does; the mark is the target, grey is unsure",
        &shown,
    )
    .map(Some)
}

/// Tails of those who are signed in, with and without a crowd that signs in.
fn isolation(report: &Report) -> anyhow::Result<Option<String>> {
    let Some(found) = &report.isolation else { return Ok(None) };
    let figures = [
        ("refresh, nobody signs in", found.refresh_idle.p99_us, OTHER),
        ("refresh beside the crowd", found.refresh_busy.p99_us, OURS),
        ("key set, nobody signs in", found.jwks_idle.p99_us, OTHER),
        ("key set beside the crowd", found.jwks_busy.p99_us, OURS),
    ];
    let most = figures.iter().map(|(_, micros, _)| *micros).fold(f64::MIN_POSITIVE, f64::max);
    let shown = figures.map(|(label, micros, colour)| Bar {
        label: label.to_owned(),
        value: time(micros),
        length: micros / most,
        mark: None,
        colour,
    });
    let title = format!("99 of 100 answers came within this time; crowd: {} sign-ins at once", found.crowd);
    bars(&title, &shown).map(Some)
}

/// What a refresh costs by how much is stored.
#[expect(clippy::cast_precision_loss, reason = "a position on an axis")]
fn sizes(report: &Report) -> anyhow::Result<Option<String>> {
    let points: Vec<(f64, f64)> =
        report.sizes.iter().map(|size| (size.grants as f64, middle(&size.refresh).cpu_us)).collect();
    let (Some((least, _)), Some((most, _)), true) = (points.first(), points.last(), points.len() > 1) else {
        return Ok(None);
    };
    let highest = points.iter().map(|(_, cost)| *cost).fold(0.0, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 300)).into_drawing_area();
        area.fill(&CARD).map_err(failed)?;
        area.draw(&Text::new("CPU time of one refresh by grants in the table", (20, 28), text(17, HPos::Left)))
            .map_err(failed)?;
        let mut chart = ChartBuilder::on(&area)
            .margin_top(50)
            .margin_right(50)
            .margin_bottom(10)
            .x_label_area_size(36)
            .y_label_area_size(70)
            .build_cartesian_2d((least * 0.8..most * 1.25).log_scale(), 0.0..highest * 1.3)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(CARD)
            .bold_line_style(FAINT)
            .axis_style(INK)
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .x_labels(points.len() + 1)
            .y_labels(5)
            .x_label_formatter(&|grants| count(*grants))
            .y_label_formatter(&|micros| if *micros > 0.0 { time(*micros) } else { "0".to_owned() })
            .draw()
            .map_err(failed)?;
        chart.draw_series(LineSeries::new(points.iter().copied(), OURS.stroke_width(2))).map_err(failed)?;
        let labelled = points.iter().zip(&report.sizes).map(|(&(grants, cost), size)| {
            let label = format!("{} grants: {}", rows(size.grants), time(cost));
            // Those at the ends stay inside.
            let (at, anchor) = match grants {
                grants if grants <= *least => (8, HPos::Left),
                grants if grants >= *most => (30, HPos::Right),
                _ => (0, HPos::Center),
            };
            EmptyElement::at((grants, cost))
                + Circle::new((0, 0), 4, OURS.filled())
                + Text::new(label, (at, -16), text(13, anchor))
        });
        chart.draw_series(labelled).map_err(failed)?;
        drop(chart);
        area.present().map_err(failed)?;
    }
    Ok(Some(svg))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::isolation::Isolation;
    use crate::measured::Sample;
    use crate::report::Target;
    use crate::sizes::Size;

    #[test]
    fn nothing_is_drawn_without_figures() {
        let folder = tempfile::tempdir().unwrap();
        assert!(draw(&Report::default(), folder.path()).unwrap().is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn charts_are_drawn_from_the_json() {
        let target = |what: &str, found, met| Target {
            what: what.to_owned(),
            found,
            range: None,
            by_cpu: None,
            bound: 0.7,
            at_least: true,
            unit: Unit::Percent,
            met,
            sure: true,
        };
        let size = |grants, cost| Size {
            grants,
            refresh: vec![Sample { cpu_us: cost, ..Sample::default() }],
            ..Size::default()
        };
        let sample = |p99_us| Sample { p99_us, ..Sample::default() };
        let report = Report {
            targets: vec![target("refresh <by> cookie", 0.81, true), target("sign-in", 0.5, false)],
            sizes: vec![size(1000, 88.0), size(1_000_000, 93.0)],
            isolation: Some(Isolation {
                refresh_busy: sample(4000.0),
                jwks_busy: sample(800.0),
                ..Isolation::default()
            }),
            ..Report::default()
        };
        let report: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(draw(&report, folder.path()).unwrap().len(), 3);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let ratios = read("bench-ratios.svg");
        // Plain text, and text of ours cannot become markup.
        for part in ["81 %", "50 %", "#BE5028", "refresh &lt;by&gt; cookie"] {
            assert!(ratios.contains(part), "{part}");
        }
        for part in ["88 µs", "93 µs", "1 million"] {
            assert!(read("bench-sizes.svg").contains(part), "{part}");
        }
        assert!(read("bench-isolation.svg").contains("4.0 ms"));
    }
}
