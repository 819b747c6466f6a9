use super::*;

#[test]
fn a_status_says_whether_it_is_transient() {
    for (status, fault) in [
        (200, KeyStoreFault::Unavailable),
        (302, KeyStoreFault::Other),
        (403, KeyStoreFault::Other),
        (408, KeyStoreFault::Timeout),
        (429, KeyStoreFault::Throttled),
        (500, KeyStoreFault::Unavailable),
        (599, KeyStoreFault::Unavailable),
    ] {
        assert_eq!(fault_of_status(status), fault, "{status}");
        assert!(is_code_of_status(&code_of_status(status)));
    }
    for code in ["", "HTTP", "HTTP 1", "HTTP 5031", "HTTP +50", "http 503"] {
        assert!(!is_code_of_status(code), "{code}");
    }
}

#[test]
fn a_pause_is_whole_seconds_and_at_most_an_hour() {
    for (value, seconds) in [
        ("7", Some(7)),
        (" 0 ", Some(0)),
        ("3600", Some(3_600)),
        ("3601", Some(3_600)),
        ("99999999999999999999999", Some(3_600)),
        ("", None),
        ("-1", None),
        ("+5", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ] {
        assert_eq!(
            retry_after(value),
            seconds.map(Duration::from_secs),
            "{value}"
        );
    }
}
