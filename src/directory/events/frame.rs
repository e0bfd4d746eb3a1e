//! A frame: what DingTalk sends over the WebSocket, as text with JSON inside JSON, and what is answered.

use serde_json::{Map, Value, json};

/// An id of a message is a few words long.
const ID_LENGTH: usize = 256;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Something happened.
    Event {
        /// What it is acknowledged with.
        message_id: Option<String>,
        /// DingTalk's word for what happened.
        word: String,
        /// DingTalk's number of the event.
        id: Option<String>,
        /// What happened, in JSON.
        data: String,
    },
    /// DingTalk asks whether we are there.
    Ping {
        /// What it is answered with.
        message_id: Option<String>,
        /// To be sent back.
        data: String,
    },
    /// DingTalk will cut the connection, and sends nothing more over it.
    Disconnect,
    /// Asked of an app that subscribed to it, which we did not.
    Unasked {
        /// What it is answered with.
        message_id: Option<String>,
    },
    /// Something else that DingTalk tells.
    Other,
}

/// Reads a frame; `None` for what is none.
pub fn read(text: &str) -> Option<Frame> {
    let frame: Map<String, Value> = serde_json::from_str(text).ok()?;
    let headers = frame
        .get("headers")
        .or_else(|| frame.get("header"))?
        .as_object()?;
    let header = |name: &str| {
        let value = headers.get(name)?;
        let text = value
            .as_str()
            .map(str::to_owned)
            .or_else(|| value.as_number().map(ToString::to_string));
        text.filter(|text| !text.is_empty() && text.len() <= ID_LENGTH)
    };
    let data = || {
        let data = frame.get("data").and_then(Value::as_str);
        data.unwrap_or_default().to_owned()
    };
    let message_id = header("messageId");
    Some(match frame.get("type")?.as_str()? {
        "EVENT" => Frame::Event {
            message_id,
            word: header("eventType")?,
            id: header("eventId"),
            data: data(),
        },
        "SYSTEM" => match header("topic")?.as_str() {
            "ping" => Frame::Ping {
                message_id,
                data: data(),
            },
            "disconnect" => Frame::Disconnect,
            _ => Frame::Other,
        },
        "CALLBACK" => Frame::Unasked { message_id },
        _ => Frame::Other,
    })
}

/// What an event is acknowledged with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It is kept.
    Success,
    /// It is to be sent again.
    Later,
}

/// The acknowledgement of an event. Its status is what counts: the code stays 200, as in DingTalk's own libraries.
pub fn acknowledge(message_id: &str, how: Acknowledgement) -> String {
    let status = match how {
        Acknowledgement::Success => "SUCCESS",
        Acknowledgement::Later => "LATER",
    };
    answer(
        message_id,
        200,
        "OK",
        &json!({ "status": status, "message": status.to_ascii_lowercase() }).to_string(),
    )
}

/// The answer to a ping.
pub fn pong(message_id: &str, data: &str) -> String {
    answer(message_id, 200, "OK", data)
}

/// The answer to what nobody here has subscribed to.
pub fn not_subscribed(message_id: &str) -> String {
    answer(message_id, 404, "not subscribed", r#"{"response":null}"#)
}

fn answer(message_id: &str, code: u16, message: &str, data: &str) -> String {
    json!({
        "code": code,
        "headers": { "contentType": "application/json", "messageId": message_id },
        "message": message,
        "data": data,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specVersion":"1.0","type":"EVENT","headers":{"topic":"*","messageId":"213d_972_1898",
        "contentType":"application/json","time":"1690362102194","eventType":"user_add_org","eventId":"c7c7",
        "eventCorpId":"dingxxxx","eventBornTime":"1690362102000","eventUnifiedAppId":"bbb3"},
        "data":"{\"timeStamp\":1685501863357,\"userId\":[\"015227\"]}"}"#;

    #[test]
    fn an_event_is_read_under_either_spelling_of_its_headers() {
        for text in [EVENT, &EVENT.replace("\"headers\"", "\"header\"")] {
            let Some(Frame::Event {
                message_id,
                word,
                id,
                data,
            }) = read(text)
            else {
                panic!("{text}");
            };
            assert_eq!(message_id.as_deref(), Some("213d_972_1898"));
            assert_eq!((word.as_str(), id.as_deref()), ("user_add_org", Some("c7c7")));
            assert!(data.contains("015227"));
        }
    }

    #[test]
    fn what_dingtalk_tells_of_the_connection_is_read() {
        let system = |topic: &str| {
            let frame = json!({
                "type": "SYSTEM", "headers": {"topic": topic, "messageId": "m"}, "data": "{\"opaque\":\"x\"}",
            });
            read(&frame.to_string()).unwrap()
        };

        assert_eq!(
            system("ping"),
            Frame::Ping {
                message_id: Some("m".into()),
                data: r#"{"opaque":"x"}"#.into()
            }
        );
        assert_eq!(system("disconnect"), Frame::Disconnect);
        assert_eq!(system("KEEPALIVE"), Frame::Other);
    }

    #[test]
    fn what_is_no_frame_is_nothing() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"type":"EVENT"}"#,
            r#"{"type":"EVENT","headers":{}}"#,
            r#"{"type":7,"headers":{"eventType":"user_add_org"}}"#,
            r#"{"type":"SYSTEM","headers":[]}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn an_acknowledgement_says_its_status_in_json_inside_json() {
        let acknowledged: Value = serde_json::from_str(&acknowledge("m", Acknowledgement::Later)).unwrap();

        assert_eq!(acknowledged["headers"]["messageId"], "m");
        let data: Value = serde_json::from_str(acknowledged["data"].as_str().unwrap()).unwrap();
        assert_eq!(data["status"], "LATER");
    }
}
