//! An engine's figures through the `metrics` facade, under names as Prometheus has them.
//!
//! The engine counts for itself, at less cost than a call of a recorder. An application hands the figures on when they
//! are wanted, before each scrape for instance. Counters are set to what the engine counted (`absolute`), so it does no
//! harm to do this twice, and the durations are the series that a Prometheus histogram is made of: a recorder's own
//! histogram would take one call for each run.

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::engine::{DurationBucket, Engine, EngineMetrics};

/// Counters: their names, what they count, and where the engine has them.
type Counters = [(&'static str, &'static str, fn(&EngineMetrics) -> u64); 14];

const COUNTERS: Counters = [
    ("redmoon_script_eval_total", "Scripts that ran by their source.", |m| m.evals),
    ("redmoon_script_evalsha_total", "Scripts that ran by their SHA-1.", |m| m.evalshas),
    ("redmoon_script_fcall_total", "Functions that ran.", |m| m.fcalls),
    ("redmoon_script_error_total", "Calls that ended in an error.", |m| m.errors),
    ("redmoon_script_timeout_total", "Runs that the time limit ended.", |m| m.timeouts),
    ("redmoon_script_kill_total", "Runs that were killed.", |m| m.kills),
    ("redmoon_script_cache_hit_total", "Runs of scripts that were in the cache.", |m| m.cache_hits),
    ("redmoon_script_cache_miss_total", "Look-ups of scripts that were not in the cache.", |m| {
        m.cache_misses
    }),
    ("redmoon_script_cache_peer_hit_total", "Missing scripts that a peer had.", |m| m.peer_hits),
    ("redmoon_script_cache_eviction_total", "Scripts that went for others.", |m| m.evictions),
    ("redmoon_script_load_sent_total", "Loads that were carried to peers.", |m| m.loads_sent),
    ("redmoon_script_load_received_total", "Loads that peers carried here.", |m| m.loads_received),
    ("redmoon_script_flush_sent_total", "Flushes that were carried to peers.", |m| m.flushes_sent),
    ("redmoon_script_flush_received_total", "Flushes that peers carried here.", |m| m.flushes_received),
];

/// Gauges, likewise.
type Gauges = [(&'static str, Unit, &'static str, fn(&EngineMetrics) -> usize); 4];

const GAUGES: Gauges = [
    ("redmoon_script_cache_scripts", Unit::Count, "Scripts in the cache.", |m| m.cached_scripts),
    ("redmoon_script_cache_bytes", Unit::Bytes, "Bytes of their sources.", |m| m.cached_bytes),
    ("redmoon_lua_states", Unit::Count, "Lua states that there are.", |m| m.lua_states),
    ("redmoon_lua_memory_bytes", Unit::Bytes, "Bytes that they have allocated.", |m| m.lua_memory),
];

const BUCKET: &str = "redmoon_script_duration_seconds_bucket";
const COUNT: &str = "redmoon_script_duration_seconds_count";
const SUM: &str = "redmoon_script_duration_seconds_sum";

/// # Figures for other crates
impl Engine {
    /// Hands [`metrics`](Engine::metrics) on to the recorder of the `metrics` facade, under the names
    /// `redmoon_script_eval_total`, `redmoon_script_evalsha_total`, `redmoon_script_error_total`,
    /// `redmoon_script_cache_hit_total`, `redmoon_lua_memory_bytes` and so on; the durations as
    /// `redmoon_script_duration_seconds_bucket`, `_count` and `_sum`. Call it before each scrape (feature `metrics`).
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// // An application installs its recorder once for all, with `install_recorder`.
    /// let recorder = PrometheusBuilder::new().build_recorder();
    /// let engine = Engine::new(Store::new());
    /// engine.eval("return 1", NONE, NONE)?;
    /// metrics::with_local_recorder(&recorder, || engine.publish_metrics());
    /// assert!(recorder.handle().render().contains("redmoon_script_eval_total 1"));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn publish_metrics(&self) {
        self.publish_metrics_with(&[]);
    }

    /// As [`publish_metrics`](Engine::publish_metrics), with labels that tell one engine of a program from another
    /// (feature `metrics`).
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    /// use redmoon::{Engine, Store};
    ///
    /// let recorder = PrometheusBuilder::new().build_recorder();
    /// let engine = Engine::new(Store::new());
    /// metrics::with_local_recorder(&recorder, || engine.publish_metrics_with(&[("engine", "orders")]));
    /// assert!(recorder.handle().render().contains("redmoon_script_eval_total{engine=\"orders\"} 0"));
    /// ```
    pub fn publish_metrics_with(&self, labels: &[(&str, &str)]) {
        let labels: Vec<Label> =
            labels.iter().map(|(name, value)| Label::new((*name).to_owned(), (*value).to_owned())).collect();
        let figures = self.metrics();
        for (name, what, read) in COUNTERS {
            describe_counter!(name, Unit::Count, what);
            counter!(name, labels.clone()).absolute(read(&figures));
        }
        for (name, unit, what, read) in GAUGES {
            describe_gauge!(name, unit, what);
            gauge!(name, labels.clone()).set(read(&figures) as f64);
        }
        describe_counter!(BUCKET, Unit::Count, "Runs that took no longer than `le` seconds.");
        describe_counter!(COUNT, Unit::Count, "Runs, as far as durations were estimated.");
        describe_gauge!(SUM, Unit::Seconds, "How long they took together.");
        let mut count = 0;
        for DurationBucket { up_to, count: here, .. } in figures.durations.buckets() {
            count += here;
            let bound = up_to.map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            let mut labels = labels.clone();
            labels.push(Label::new("le", bound));
            counter!(BUCKET, labels).absolute(count);
        }
        counter!(COUNT, labels.clone()).absolute(count);
        gauge!(SUM, labels).set(figures.durations.sum().as_secs_f64());
    }
}
