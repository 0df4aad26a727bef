//! Numbers in the text format of Prometheus.

use crate::kernel::error::Result;
use crate::kernel::registry::Registry;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the server starts anew; its name ends with `_total`.
    Counter,
    Gauge,
}

/// A metric with its samples, each told from the others by its labels.
pub struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub samples: Vec<Sample>,
}

pub type Sample = (Vec<(&'static str, String)>, f64);

impl Metric {
    /// A number on its own.
    pub fn one(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Self {
        Metric { name, help, kind, samples: vec![(Vec::new(), value)] }
    }

    /// A number for each value of one label.
    pub fn by(
        name: &'static str,
        help: &'static str,
        kind: Kind,
        label: &'static str,
        values: impl IntoIterator<Item = (String, f64)>,
    ) -> Self {
        let samples = values.into_iter().map(|(value, number)| (vec![(label, value)], number));
        Metric { name, help, kind, samples: samples.collect() }
    }
}

/// What a module above has to tell. It must be quick: it is asked every few seconds.
pub type Collect = fn() -> Result<Vec<Metric>>;

static COLLECTORS: Registry<Collect> = Registry::new();

/// Called once for each module when the library is loaded.
pub fn register(collect: Collect) {
    COLLECTORS.register(collect);
}

/// Everything there is to tell.
pub fn all() -> Result<String> {
    let mut metrics = super::collect::metrics()?;
    for collect in COLLECTORS.all() {
        metrics.extend(collect()?);
    }
    Ok(render(&metrics))
}

fn render(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for metric in metrics.iter().filter(|metric| !metric.samples.is_empty()) {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let (name, help) = (metric.name, metric.help);
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in &metric.samples {
            let _ = writeln!(text, "{name}{} {}", render_labels(labels), render_value(*value));
        }
    }
    text
}

fn render_labels(labels: &[(&str, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn render_value(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v == f64::INFINITY => "+Inf".to_owned(),
        v if v == f64::NEG_INFINITY => "-Inf".to_owned(),
        v => format!("{v}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_help_type_and_samples() {
        let sizes = [("network.profiles".to_owned(), 8192.0), ("a\"b\\c\nd".to_owned(), 0.5)];
        let text = render(&[
            Metric::by("x_size_bytes", "Size.", Kind::Gauge, "table", sizes),
            Metric::one("x_things_total", "Things.", Kind::Counter, 3.0),
        ]);
        let wanted = "# HELP x_size_bytes Size.\n# TYPE x_size_bytes gauge\n\
            x_size_bytes{table=\"network.profiles\"} 8192\n\
            x_size_bytes{table=\"a\\\"b\\\\c\\nd\"} 0.5\n\
            # HELP x_things_total Things.\n# TYPE x_things_total counter\nx_things_total 3\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_metric_without_samples_is_left_out() {
        assert_eq!(render(&[Metric::by("x", "X.", Kind::Gauge, "l", [])]), "");
    }

    #[test]
    fn numbers_that_are_none_are_written_as_prometheus_does() {
        assert_eq!(render_value(f64::NAN), "NaN");
        assert_eq!(render_value(f64::INFINITY), "+Inf");
        assert_eq!(render_value(1e15), "1000000000000000");
    }
}
