//! Time zones: whose day it is.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar::{Date, DateTime};

/// A time zone, by its name in the time zone database.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of this name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Zone> {
        let zone = TimeZone::get(name).ok()?;
        (!zone.is_unknown()).then_some(Zone(zone))
    }

    /// The names of all zones that are known here.
    pub(crate) fn names() -> Vec<String> {
        let known = jiff::tz::db().available();
        known.map(|zone| zone.as_str().to_owned()).collect()
    }

    /// Its day at a moment; a year that no date can have is the first or the last one that can.
    pub(crate) fn day(&self, at: Timestamp) -> Date {
        self.local(at).map_or(Date::MIN, |local| local.date)
    }

    /// What its clocks show so many seconds after the beginning of 1970 in UTC.
    pub(super) fn at(&self, seconds: i64) -> Option<DateTime> {
        self.local(Timestamp::from_second(seconds).ok()?)
    }

    fn local(&self, at: Timestamp) -> Option<DateTime> {
        let ahead = self.0.to_offset(at).seconds();
        DateTime::from_seconds(at.as_second() + i64::from(ahead))
    }
}

impl Default for Zone {
    fn default() -> Zone {
        Zone(TimeZone::UTC)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

/// The day of a run, and whose day it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Today {
    pub(crate) day: Date,
    pub(crate) zone: Zone,
}

impl Today {
    /// A day in UTC.
    pub fn utc(day: Date) -> Today {
        let zone = Zone::default();
        Today { day, zone }
    }
}

impl fmt::Display for Today {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.day, self.zone)
    }
}
