use super::*;

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn callers_leave_in_the_order_they_came() {
    let limiter = Arc::new(Limiter::new(500, Duration::from_mins(1)));
    let order = Arc::new(Mutex::new(Vec::new()));
    // One thread runs the tasks in the order they were spawned, so they join the queue in this order.
    let callers: Vec<_> = (0..40)
        .map(|n| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                limiter
                    .turn("app", Call::Profile, Visit::First, limiter.deadline())
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
    let limiter = Limiter::new(1, Duration::from_secs(2));
    let deadline = limiter.deadline();
    limiter
        .turn("app", Call::Profile, Visit::First, deadline)
        .await
        .unwrap();
    let mut first = Box::pin(limiter.turn("app", Call::Profile, Visit::First, deadline));
    assert!(futures_util::poll!(&mut first).is_pending());

    let refused = limiter.turn("app", Call::Profile, Visit::First, deadline).await;
    let refused_again = limiter.turn("app", Call::Profile, Visit::First, deadline).await;

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
    let limiter = Limiter::new(1, Duration::from_secs(2));
    let deadline = limiter.deadline();
    limiter
        .turn("app", Call::Profile, Visit::First, deadline)
        .await
        .unwrap();
    let mut gone = Box::pin(limiter.turn("app", Call::Profile, Visit::First, deadline));
    assert!(futures_util::poll!(&mut gone).is_pending());

    drop(gone);

    assert_eq!(limiter.waiting(), 0);
    let mut next = Box::pin(limiter.turn("app", Call::Profile, Visit::First, deadline));
    assert!(
        futures_util::poll!(&mut next).is_pending(),
        "there is a place again"
    );
    assert_eq!(limiter.waiting(), 1);
}

#[tokio::test]
async fn a_place_given_up_in_the_middle_lets_the_next_one_through() {
    let limiter = Limiter::new(200, Duration::from_secs(30));
    let deadline = limiter.deadline();
    limiter
        .turn("app", Call::Profile, Visit::First, deadline)
        .await
        .unwrap();
    let mut first = Box::pin(limiter.turn("app", Call::Profile, Visit::First, deadline));
    let mut second = Box::pin(limiter.turn("app", Call::Profile, Visit::First, deadline));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());

    drop(first);

    second.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_was_turned_away_by_dingtalk_is_not_sent_to_the_end_of_the_line() {
    let limiter = Arc::new(Limiter::new(200, Duration::from_mins(1)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let visits = [Visit::First; 20].into_iter().chain([Visit::Repeated]);
    // One thread runs the tasks in the order they were spawned, so they join the queue in this order.
    let callers: Vec<_> = visits
        .map(|visit| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                let deadline = limiter.deadline();
                limiter.turn("app", Call::Profile, visit, deadline).await.unwrap();
                order.lock().unwrap().push(visit);
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
        .position(|visit| *visit == Visit::Repeated);
    assert!(place.is_some_and(|place| place <= 2), "{place:?}");
}

#[tokio::test]
async fn apps_and_kinds_of_call_have_a_queue_each() {
    let limiter = Limiter::new(1, Duration::ZERO);

    for (client_id, call) in [
        ("a", Call::Profile),
        ("b", Call::Profile),
        ("a", Call::UserAccessToken),
    ] {
        limiter
            .turn(client_id, call, Visit::First, Instant::now() + MS)
            .await
            .unwrap();
    }

    assert!(
        limiter
            .turn("a", Call::Profile, Visit::First, Instant::now() + MS)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn no_limit_means_no_queue() {
    let limiter = Limiter::new(0, Duration::ZERO);

    for _ in 0..1000 {
        limiter
            .turn("a", Call::Profile, Visit::First, limiter.deadline())
            .await
            .unwrap();
    }
}
