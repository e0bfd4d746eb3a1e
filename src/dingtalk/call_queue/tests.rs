use super::*;

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn callers_leave_in_the_order_they_came() {
    let limiter = Arc::new(CallQueue::new(500, Duration::from_mins(1)));
    let order = Arc::new(Mutex::new(Vec::new()));
    // One thread runs the tasks in the order they were spawned, so they join the queue in this order.
    let callers: Vec<_> = (0..40)
        .map(|n| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                limiter
                    .turn("app", Call::Profile, None, Attempt::First, limiter.deadline())
                    .await
                    .unwrap();
                order.lock().unwrap().push(n);
            })
        })
        .collect();

    for caller in callers {
        caller.await.unwrap();
    }

    assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
    assert_eq!(limiter.waiting(), 0);
}

#[tokio::test]
async fn a_caller_who_would_wait_too_long_is_told_so_at_once_and_takes_no_slot() {
    let limiter = CallQueue::new(1, Duration::from_secs(2));
    let deadline = limiter.deadline();
    limiter
        .turn("app", Call::Profile, None, Attempt::First, deadline)
        .await
        .unwrap();
    let mut first = Box::pin(limiter.turn("app", Call::Profile, None, Attempt::First, deadline));
    assert!(futures_util::poll!(&mut first).is_pending());

    let refused = limiter
        .turn("app", Call::Profile, None, Attempt::First, deadline)
        .await;
    let refused_again = limiter
        .turn("app", Call::Profile, None, Attempt::First, deadline)
        .await;

    let (refused, again) = (refused.unwrap_err(), refused_again.unwrap_err());
    assert!(
        refused.retry_after >= 400 * MS && refused.retry_after < 600 * MS,
        "{refused:?}"
    );
    assert!(again.retry_after < 600 * MS, "{again:?}");
    assert_eq!(limiter.waiting(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_gives_its_place_up() {
    let limiter = CallQueue::new(1, Duration::from_secs(2));
    let deadline = limiter.deadline();
    limiter
        .turn("app", Call::Profile, None, Attempt::First, deadline)
        .await
        .unwrap();
    let mut gone = Box::pin(limiter.turn("app", Call::Profile, None, Attempt::First, deadline));
    assert!(futures_util::poll!(&mut gone).is_pending());

    drop(gone);

    assert_eq!(limiter.waiting(), 0);
    let mut next = Box::pin(limiter.turn("app", Call::Profile, None, Attempt::First, deadline));
    assert!(
        futures_util::poll!(&mut next).is_pending(),
        "there is a place again"
    );
    assert_eq!(limiter.waiting(), 1);
}

#[tokio::test]
async fn a_place_given_up_in_the_middle_lets_the_next_one_through() {
    let limiter = CallQueue::new(200, Duration::from_secs(30));
    let deadline = limiter.deadline();
    limiter
        .turn("app", Call::Profile, None, Attempt::First, deadline)
        .await
        .unwrap();
    let mut first = Box::pin(limiter.turn("app", Call::Profile, None, Attempt::First, deadline));
    let mut second = Box::pin(limiter.turn("app", Call::Profile, None, Attempt::First, deadline));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());

    drop(first);

    second.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_was_turned_away_by_dingtalk_is_not_sent_to_the_end_of_the_line() {
    let limiter = Arc::new(CallQueue::new(200, Duration::from_mins(1)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let visits = [Attempt::First; 20].into_iter().chain([Attempt::Repeated]);
    // One thread runs the tasks in the order they were spawned, so they join the queue in this order.
    let callers: Vec<_> = visits
        .map(|attempt| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                let deadline = limiter.deadline();
                limiter
                    .turn("app", Call::Profile, None, attempt, deadline)
                    .await
                    .unwrap();
                order.lock().unwrap().push(attempt);
            })
        })
        .collect();

    for caller in callers {
        caller.await.unwrap();
    }

    let place = order
        .lock()
        .unwrap()
        .iter()
        .position(|attempt| *attempt == Attempt::Repeated);
    assert!(place.is_some_and(|place| place <= 2), "{place:?}");
}

#[tokio::test]
async fn apps_and_kinds_of_call_have_a_queue_each() {
    let limiter = CallQueue::new(1, Duration::ZERO);

    for (client_id, call) in [
        ("a", Call::Profile),
        ("b", Call::Profile),
        ("a", Call::UserAccessToken),
    ] {
        limiter
            .turn(client_id, call, None, Attempt::First, Instant::now() + MS)
            .await
            .unwrap();
    }

    assert!(
        limiter
            .turn("a", Call::Profile, None, Attempt::First, Instant::now() + MS)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn no_limit_means_no_queue() {
    let limiter = CallQueue::new(0, Duration::ZERO);

    for _ in 0..1000 {
        limiter
            .turn("a", Call::Profile, None, Attempt::First, limiter.deadline())
            .await
            .unwrap();
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a line is an address that may be unknown"
)]
fn at(number: u8) -> QueueKey {
    Some([198, 51, 100, number].into())
}

#[tokio::test]
async fn nobody_waits_behind_a_crowd_of_one_address_longer_than_his_share() {
    let limiter = Arc::new(CallQueue::new(500, Duration::from_mins(1)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let crowd = [at(1); 60].into_iter();
    // One thread runs the tasks in the order they were spawned, so they join the queue in this order.
    let callers: Vec<_> = crowd
        .chain([at(2), at(3), at(2)])
        .map(|key| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                let deadline = limiter.deadline();
                limiter
                    .turn("app", Call::Profile, key, Attempt::First, deadline)
                    .await
                    .unwrap();
                order.lock().unwrap().push(key);
            })
        })
        .collect();

    for caller in callers {
        caller.await.unwrap();
    }

    let order = order.lock().unwrap();
    let last_of_others = order.iter().rposition(|line| *line != at(1)).unwrap();
    assert!(last_of_others <= 6, "{last_of_others}");
    assert_eq!(order.len(), 63);
}

#[tokio::test]
async fn a_crowd_of_one_address_does_not_keep_another_from_being_let_in() {
    let limiter = CallQueue::new(1, Duration::from_secs(4));
    let deadline = limiter.deadline();
    let mut crowd = Vec::new();
    for _ in 0..8 {
        let mut turn = Box::pin(limiter.turn("app", Call::Profile, at(1), Attempt::First, deadline));
        let _left = futures_util::poll!(&mut turn);
        crowd.push(turn);
    }
    let of_the_crowd = limiter.turn("app", Call::Profile, at(1), Attempt::First, deadline);
    assert!(of_the_crowd.await.is_err());

    let mut honest = Box::pin(limiter.turn("app", Call::Profile, at(2), Attempt::First, deadline));

    assert!(futures_util::poll!(&mut honest).is_pending(), "it has a place");
}

#[tokio::test]
async fn a_turn_given_to_somebody_who_has_just_gone_is_given_on() {
    let limiter = CallQueue::new(200, Duration::from_secs(30));
    let deadline = limiter.deadline();
    for _ in 0..50 {
        let mut first = Box::pin(limiter.turn("app", Call::Profile, at(1), Attempt::First, deadline));
        let mut second = Box::pin(limiter.turn("app", Call::Profile, at(2), Attempt::First, deadline));
        let mut third = Box::pin(limiter.turn("app", Call::Profile, at(3), Attempt::First, deadline));
        let _left = futures_util::poll!(&mut first);
        let _left = futures_util::poll!(&mut second);
        let _left = futures_util::poll!(&mut third);
        // The turn is passed on to the second, who never looks.
        first.await.unwrap();
        drop(second);

        third.await.unwrap();
    }
    assert_eq!(limiter.waiting(), 0);
}
