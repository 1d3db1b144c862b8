//! `strftime` in UTC, in English, of a moment that the host gives.

use minijinja::{Error, ErrorKind};

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
];

/// Year, month from 1 and day of a count of days since 1970.
fn civil(days: i64) -> (i64, usize, i64) {
    let z = days + 719_468; // days since 0000-03-01
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153; // months since March
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month as usize, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Days since 1970 of the first of January.
fn new_year(year: i64) -> i64 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// Writes `seconds` since 1970 as C's `strftime` does.
pub fn strftime(seconds: i64, format: &str) -> Result<String, Error> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let weekday = (days + 4).rem_euclid(7) as usize;
    let of_year = days - new_year(year); // from 0
    let twelve = (hour + 11) % 12 + 1;
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut kind = chars.next();
        let bare = kind == Some('-');
        if bare {
            kind = chars.next();
        }
        let mut number = |n: i64, width: usize| out.push_str(&if bare { n.to_string() } else { format!("{n:0width$}") });
        match kind {
            Some('Y') => number(year, 4),
            Some('y') => number(year.rem_euclid(100), 2),
            Some('C') => number(year.div_euclid(100), 2),
            Some('m') => number(month as i64, 2),
            Some('d') => number(day, 2),
            Some('H') => number(hour, 2),
            Some('I') => number(twelve, 2),
            Some('M') => number(minute, 2),
            Some('S') => number(second, 2),
            Some('f') => number(0, 6),
            Some('j') => number(of_year + 1, 3),
            Some('w') => number(weekday as i64, 1),
            Some('u') => number((weekday as i64 + 6) % 7 + 1, 1),
            Some('U') => number((of_year + 7 - weekday as i64) / 7, 2),
            Some('W') => number((of_year + 7 - (weekday as i64 + 6) % 7) / 7, 2),
            Some('s') => number(seconds, 1),
            Some('e') if bare => number(day, 2),
            Some('e') => out.push_str(&format!("{day:2}")),
            Some('k') => out.push_str(&format!("{hour:2}")),
            Some('l') => out.push_str(&format!("{twelve:2}")),
            Some('B') => out.push_str(MONTHS[month - 1]),
            Some('b' | 'h') => out.push_str(&MONTHS[month - 1][..3]),
            Some('A') => out.push_str(DAYS[weekday]),
            Some('a') => out.push_str(&DAYS[weekday][..3]),
            Some('p') => out.push_str(if hour < 12 { "AM" } else { "PM" }),
            Some('P') => out.push_str(if hour < 12 { "am" } else { "pm" }),
            Some('F') => out.push_str(&strftime(seconds, "%Y-%m-%d")?),
            Some('D' | 'x') => out.push_str(&strftime(seconds, "%m/%d/%y")?),
            Some('T' | 'X') => out.push_str(&strftime(seconds, "%H:%M:%S")?),
            Some('R') => out.push_str(&strftime(seconds, "%H:%M")?),
            Some('r') => out.push_str(&strftime(seconds, "%I:%M:%S %p")?),
            Some('c') => out.push_str(&strftime(seconds, "%a %b %e %H:%M:%S %Y")?),
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('Z' | 'z') => {}
            Some('%') => out.push('%'),
            other => {
                let kind = other.map_or("the end".into(), |c| c.to_string());
                return Err(Error::new(ErrorKind::InvalidOperation, format!("strftime_now: % before {kind} is unknown")));
            }
        }
    }
    Ok(out)
}
