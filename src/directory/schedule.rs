//! When a source is read by itself.

use chrono::{DateTime, Duration, FixedOffset, NaiveTime, TimeZone as _, Timelike as _, Utc};

/// How often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunSchedule {
    /// Never.
    #[default]
    Off,
    /// At each full hour.
    Hourly,
    /// At midnight, six, noon and six.
    SixHours,
    /// Once a day, at this time.
    Daily(NaiveTime),
}

impl RunSchedule {
    /// When nothing is said, nobody works.
    pub const DEFAULT_TIME: &'static str = "02:00";

    /// A time of day, as hours and minutes.
    pub fn time(text: &str) -> Option<NaiveTime> {
        NaiveTime::parse_from_str(text, "%H:%M").ok()
    }

    /// The latest time at which it was due; `None` where there is none.
    pub fn latest(self, now: DateTime<Utc>, zone: FixedOffset) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&zone);
        let today = local.date_naive();
        let at = |date: chrono::NaiveDate, time: NaiveTime| {
            let local = zone.from_local_datetime(&date.and_time(time)).single()?;
            Some(local.to_utc())
        };
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0);
        match self {
            Self::Off => None,
            Self::Hourly => at(today, hour(local.hour())?),
            Self::SixHours => at(today, hour(local.hour() / 6 * 6)?),
            Self::Daily(time) if local.time() >= time => at(today, time),
            Self::Daily(time) => at(today - Duration::days(1), time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_time_is_that_of_the_clock_on_the_wall() {
        let shanghai = FixedOffset::east_opt(8 * 3600).unwrap();
        let daily = RunSchedule::Daily(RunSchedule::time("02:00").unwrap());
        for (schedule, now, expected) in [
            (
                RunSchedule::Hourly,
                "2026-03-04T17:59:59Z",
                Some("2026-03-04T17:00:00Z"),
            ),
            (
                RunSchedule::SixHours,
                "2026-03-04T17:59:59Z",
                Some("2026-03-04T16:00:00Z"),
            ),
            (
                RunSchedule::SixHours,
                "2026-03-04T03:59:59Z",
                Some("2026-03-03T22:00:00Z"),
            ),
            (daily, "2026-03-04T17:59:59Z", Some("2026-03-03T18:00:00Z")),
            (daily, "2026-03-04T18:00:00Z", Some("2026-03-04T18:00:00Z")),
            (RunSchedule::Off, "2026-03-04T18:00:00Z", None),
        ] {
            let read = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(
                schedule.latest(read(now), shanghai),
                expected.map(read),
                "{schedule:?} {now}"
            );
        }
    }
}
