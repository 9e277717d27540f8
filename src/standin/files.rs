//! Files, forms and batches: enough of them for the SDKs to send one, make a batch of it, and read what came.
//!
//! Nothing is kept: a file's answers are made from its id, and every batch has ended when it is looked at.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, Fault, Fields};
use super::openai::CREATED;

/// A field of a form.
struct Field<'c> {
    name: &'c str,
    file_name: Option<&'c str>,
    data: &'c [u8],
}

/// The fields of a form, read in the plainest way.
fn fields(call: &Call) -> Option<Vec<Field<'_>>> {
    let content_type = call.header("content-type")?;
    let boundary = content_type.strip_prefix("multipart/form-data")?.split_once("boundary=")?.1;
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
    let mut rest = call.body.strip_prefix(delimiter.get(2..)?.as_bytes())?;
    let mut fields = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = memchr::memmem::find(part, delimiter.as_bytes())?;
        let (part, behind) = part.split_at_checked(end)?;
        rest = behind.get(delimiter.len()..)?;
        let end = memchr::memmem::find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..end)?).ok()?;
        let said = |what: &str| head.split_once(what)?.1.split(['"', ';', '\r']).find(|one| !one.is_empty());
        fields.push(Field {
            name: said(" name=")?,
            file_name: said(" filename="),
            data: part.get(end + 4..)?,
        });
    }
    rest.starts_with(b"--").then_some(fields)
}

fn text<'c>(fields: &[Field<'c>], name: &'static str) -> Result<&'c str, Fault> {
    let field = fields.iter().find(|field| field.name == name).ok_or(Fault::Missing(name))?;
    std::str::from_utf8(field.data).map_err(|_| Fault::Invalid(name))
}

fn file<'f, 'c>(fields: &'f [Field<'c>], name: &'static str) -> Result<&'f Field<'c>, Fault> {
    let named = |field: &&Field<'_>| field.file_name.is_some() && field.name.trim_end_matches("[]") == name;
    fields.iter().find(named).ok_or(Fault::Missing(name))
}

/// OpenAI's files, batches, transcriptions and edits; `None` for another path.
pub(super) fn openai(call: &Call, path: &str) -> Option<Result<Answer, Fault>> {
    let (post, get) = (call.method == Method::POST, call.method == Method::GET);
    let answer = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["audio", "transcriptions" | "translations"] if post => transcription(call),
        ["images", "edits"] if post => edit(call),
        ["files"] if post => openai_upload(call),
        ["files", id] if get => Ok(openai_file(id, "user_data", "a.jsonl", 1)),
        ["files", id] if call.method == Method::DELETE => {
            Ok(json!({ "id": id, "object": "file", "deleted": true }))
        }
        ["files", _, "content"] if get => {
            let body = json!({ "id": "chatcmpl-1", "object": "chat.completion", "choices": [] });
            let line = json!({ "id": "batch_req_1", "custom_id": "a", "error": null,
                "response": { "status_code": 200, "request_id": "r", "body": body } });
            return Some(Ok(Answer::bytes("application/octet-stream", format!("{line}\n"))));
        }
        ["batches"] if post => made_batch(call),
        ["batches", id] if get => Ok(batch(id, "file-input", "/v1/chat/completions", "completed")),
        _ => return None,
    };
    Some(answer.map(|answer| Answer::json(StatusCode::OK, &answer)))
}

fn transcription(call: &Call) -> Result<Value, Fault> {
    let fields = fields(call).ok_or(Fault::Invalid("file"))?;
    text(&fields, "model")?;
    let file = file(&fields, "file")?;
    Ok(json!({ "text": format!("The stand-in heard {} bytes.", file.data.len()) }))
}

fn edit(call: &Call) -> Result<Value, Fault> {
    let fields = fields(call).ok_or(Fault::Invalid("image"))?;
    text(&fields, "prompt")?;
    file(&fields, "image")?;
    Ok(json!({ "created": CREATED, "data": [{ "b64_json": "AAAA" }] }))
}

fn openai_upload(call: &Call) -> Result<Value, Fault> {
    let fields = fields(call).ok_or(Fault::Invalid("file"))?;
    let (purpose, file) = (text(&fields, "purpose")?, file(&fields, "file")?);
    let id = format!("file-standin{}", call.number);
    Ok(openai_file(&id, purpose, file.file_name.unwrap_or_default(), file.data.len()))
}

fn openai_file(id: &str, purpose: &str, name: &str, bytes: usize) -> Value {
    json!({
        "object": "file", "id": id, "purpose": purpose, "filename": name, "bytes": bytes,
        "created_at": CREATED, "expires_at": null, "status": "processed", "status_details": null,
    })
}

fn made_batch(call: &Call) -> Result<Value, Fault> {
    let ask = call.ask()?;
    let input = ask.at("/input_file_id").as_str().ok_or(Fault::Missing("input_file_id"))?;
    let endpoint = ask.at("/endpoint").as_str().ok_or(Fault::Missing("endpoint"))?;
    Ok(batch(&format!("batch_standin{}", call.number), input, endpoint, "validating"))
}

fn batch(id: &str, input: &str, endpoint: &str, status: &str) -> Value {
    let output = (status == "completed").then_some("file-output");
    json!({
        "id": id, "object": "batch", "endpoint": endpoint, "errors": null, "input_file_id": input,
        "completion_window": "24h", "status": status, "output_file_id": output, "created_at": CREATED,
        "request_counts": { "total": 1, "completed": 1, "failed": 0 }, "metadata": null,
    })
}

/// Anthropic's files; `None` for another path.
pub(super) fn anthropic(call: &Call) -> Option<Result<Answer, Fault>> {
    if call.method == Method::GET && call.path.starts_with("/v1/files/") && call.path.ends_with("/content") {
        return Some(Ok(Answer::bytes("application/octet-stream", "a file")));
    }
    if call.method != Method::POST || call.path != "/v1/files" {
        return None;
    }
    let answer = fields(call).ok_or(Fault::Invalid("file")).and_then(|fields| {
        let file = file(&fields, "file")?;
        Ok(json!({
            "type": "file", "id": format!("file_standin{}", call.number), "filename": file.file_name,
            "mime_type": "text/plain", "size_bytes": file.data.len(), "created_at": "2025-01-01T00:00:00Z",
            "downloadable": false,
        }))
    });
    Some(answer.map(|answer| Answer::json(StatusCode::OK, &answer)))
}

/// Google's resumable uploads; `None` for another path.
pub(super) fn gemini(call: &Call) -> Option<Result<Answer, Fault>> {
    if call.method != Method::POST || !(call.path.starts_with("/upload/") && call.path.ends_with("/files")) {
        return None;
    }
    let command = call.header("x-goog-upload-command").unwrap_or_default();
    if command == "start" {
        let host = "https://generativelanguage.googleapis.com";
        let url = format!("{host}{}?upload_id=standin-{}&upload_protocol=resumable", call.path, call.number);
        let mut answer = Answer::json(StatusCode::OK, &json!({}));
        answer.tag("x-goog-upload-url", url.clone());
        answer.tag("x-goog-upload-control-url", url);
        answer.wear(&[("x-goog-upload-status", "active"), ("x-goog-upload-chunk-granularity", "262144")]);
        return Some(Ok(answer));
    }
    if call.parameter("upload_id").is_none() {
        return Some(Err(Fault::Missing("upload_id")));
    }
    let name = format!("files/standin{}", call.number);
    let file = json!({
        "name": name, "mimeType": "text/plain", "sizeBytes": call.body.len().to_string(),
        "uri": format!("https://generativelanguage.googleapis.com/v1beta/{name}"), "state": "ACTIVE",
    });
    let mut answer = Answer::json(StatusCode::OK, &json!({ "file": file }));
    let status = if command.contains("finalize") { "final" } else { "active" };
    answer.wear(&[("x-goog-upload-status", status)]);
    Some(Ok(answer))
}
