//! `[log]`: how the gate tells what it does.

use serde::{Deserialize, Serialize};

/// How the gate tells what it does.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Log"))]
pub(super) struct LogWritten {
    /// `auto` writes text to a terminal and JSON elsewhere. Default: "auto".
    pub(super) format: Option<LogFormat>,
    /// The least important events that are logged. Default: "info".
    pub(super) level: Option<LogLevel>,
    /// Whether denials of one kind that come by the hundred are counted or written each. Default:
    /// "counted".
    pub(super) repeats: Option<LogRepeats>,
}

/// What is written of a flood of denials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
pub enum LogRepeats {
    /// The first of a kind in a minute, and a count of the others.
    #[default]
    Counted,
    /// Each by itself.
    Whole,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// For reading.
    Text,
}

/// Which events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
pub enum LogLevel {
    /// Only what needs somebody now.
    Error,
    /// Denials and failures too.
    Warn,
    /// Every request too.
    #[default]
    Info,
}

/// `[log]` compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// How events are written.
    pub format: LogFormat,
    /// Which events are written.
    pub level: LogLevel,
    /// What is written of a flood of denials.
    pub repeats: LogRepeats,
}

impl LogWritten {
    /// What is not written has its default.
    pub(super) fn compiled(self) -> LogSettings {
        LogSettings {
            format: self.format.unwrap_or_default(),
            level: self.level.unwrap_or_default(),
            repeats: self.repeats.unwrap_or_default(),
        }
    }
}
