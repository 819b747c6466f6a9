use super::*;
use crate::emulator::tests::toy::Toy;

#[test]
fn refinements_are_those_of_answers() {
    let failure = Failure::<Toy>::reset()
        .status(200)
        .retry_after(Duration::from_secs(1));
    assert!(matches!(failure.kind, Kind::Abort(Abort::Reset)));
    for (status, expected) in [(0, 500), (199, 500), (200, 200), (999, 999), (1000, 500)] {
        assert_eq!(status_code(status).as_u16(), expected, "{status}");
    }
}
