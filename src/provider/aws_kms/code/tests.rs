use super::*;

#[test]
fn a_metric_has_the_codes_that_are_known_and_statuses() {
    for code in ["ThrottlingException", "HTTP 503", "HTTP 999"] {
        assert_eq!(label(code), code);
    }
    for code in [
        "Made/Up-4711",
        "HTTP tenant-1",
        "HTTP 1",
        "HTTP 5031",
        "HTTP +50",
        "HTTP",
        "",
    ] {
        assert_eq!(label(code), "other", "{code}");
    }
}
