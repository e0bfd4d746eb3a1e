//! What comes over the WebSocket: a frame or none, an event of which every part fits where it is kept, and answers that
//! DingTalk can read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::directory::events::event::{self, Notice};
use nocobase_dingtalk::directory::events::frame::{self, Acknowledgement, Frame};
use serde_json::Value;

fn check_answer(answer: &str, message_id: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["headers"]["messageId"], message_id);
    answer
}

fuzz_target!(|text: &str| {
    match frame::read(text) {
        Some(Frame::Event {
            message_id,
            word,
            id,
            data,
        }) => {
            if let Some(Notice::Events(events)) = event::of_frame(&word, id.as_deref(), &data) {
                for event in events {
                    assert!(!event.id.is_empty() && event.id.len() <= 191);
                    assert!(!event.subjects.is_empty() && event.subjects.len() <= 200);
                    assert!(event.subjects.iter().all(|id| !id.is_empty() && id.len() <= 64));
                }
            }
            if let Some(message_id) = message_id {
                let answer = check_answer(
                    &frame::acknowledge(&message_id, Acknowledgement::Success),
                    &message_id,
                );
                let data: Value = serde_json::from_str(answer["data"].as_str().unwrap()).unwrap();
                assert_eq!(data["status"], "SUCCESS");
            }
        }
        Some(Frame::Ping {
            message_id: Some(message_id),
            data,
        }) => {
            let answer = check_answer(&frame::pong(&message_id, &data), &message_id);
            assert_eq!(answer["data"], data.as_str());
        }
        Some(Frame::Unasked {
            message_id: Some(message_id),
        }) => {
            check_answer(&frame::not_subscribed(&message_id), &message_id);
        }
        Some(Frame::Ping { .. } | Frame::Unasked { .. } | Frame::Disconnect | Frame::Other) | None => {}
    }
});
