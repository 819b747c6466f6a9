use aws_sdk_kms::config::{BehaviorVersion, Region};

use super::*;

fn client() -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"));
    Client::from_conf(config.build())
}

fn is_same(a: &Arc<ClientState>, b: &Arc<ClientState>) -> bool {
    Arc::ptr_eq(a, b)
}

#[test]
fn the_clones_of_a_client_share_a_budget_in_each_region() {
    let (one, other) = (client(), client());
    let of_one = ClientState::of(&one, Some("us-east-1"));
    assert!(is_same(
        &of_one,
        &ClientState::of(&one.clone(), Some("us-east-1"))
    ));
    for (client, region) in [
        (&other, Some("us-east-1")),
        (&one, Some("eu-west-1")),
        (&one, None),
    ] {
        assert!(!is_same(&of_one, &ClientState::of(client, region)));
    }
}

/// The map has entries only for clients in use.
#[test]
fn a_budget_leaves_nothing_behind() {
    let client = client();
    let place = |shared: &Arc<ClientState>| shared.place.clone();
    let first = ClientState::of(&client, None);
    let at = place(&first);
    assert!(places().contains_key(&at));
    let second = ClientState::of(&client, None);
    drop(first);
    assert!(places().contains_key(&at));
    drop(second);
    assert!(!places().contains_key(&at));
}

#[test]
fn a_budget_that_is_made_while_the_last_one_is_dropped_stays() {
    let client = client();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            std::thread::spawn(move || {
                for _ in 0..2_000 {
                    let shared = ClientState::of(&client, None);
                    // Another signer of the client gets the same one.
                    assert!(is_same(&shared, &ClientState::of(&client, None)));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let at = ClientState::of(&client, None).place.clone();
    assert!(!places().contains_key(&at));
}
