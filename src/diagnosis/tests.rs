//! Answers as providers write them, and what they mean.

#![expect(clippy::too_many_lines, reason = "the tables are the tests")]

use http::{HeaderMap, HeaderName, StatusCode};
use proptest::prelude::*;

use super::*;

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn of(maker: Maker, status: u16, list: &[(&'static str, &str)], body: &str) -> Diagnosis {
    diagnose(&[maker], StatusCode::from_u16(status).unwrap(), &headers(list), body.as_bytes())
}

const OPENAI: &[(&str, &str)] = &[("x-request-id", "req_abc"), ("content-type", "application/json")];
const ANTHROPIC: &[(&str, &str)] = &[("request-id", "req_011C"), ("content-type", "application/json")];
const PLAIN: &[(&str, &str)] = &[("content-type", "application/json")];
const AZURE: &[(&str, &str)] = &[("apim-request-id", "1f2e"), ("content-type", "application/json")];
const PAGE: &[(&str, &str)] = &[("content-type", "text/html; charset=UTF-8")];
const EDGE: &[(&str, &str)] =
    &[("content-type", "text/html; charset=UTF-8"), ("server", "cloudflare"), ("cf-ray", "8d1f0a-FRA")];

fn openai(message: &str, kind: &str, code: &str) -> String {
    let code = if code.is_empty() { "null".to_owned() } else { format!("\"{code}\"") };
    format!(r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{code}}}}}"#)
}

fn anthropic(message: &str, kind: &str, code: &str) -> String {
    let details =
        if code.is_empty() { String::new() } else { format!(r#","details":{{"error_code":"{code}"}}"#) };
    format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"{details}}},"request_id":"req_011C"}}"#
    )
}

fn google(status: &str, message: &str, reason: &str) -> String {
    let details = if reason.is_empty() {
        String::new()
    } else {
        format!(
            r#","details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"googleapis.com","metadata":{{"service":"generativelanguage.googleapis.com","consumer":"projects/123"}}}}]"#
        )
    };
    format!(r#"{{"error":{{"code":403,"message":"{message}","status":"{status}"{details}}}}}"#)
}

fn azure(code: &str, message: &str) -> String {
    format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
}

/// Every cause, with an answer in the provider's own shape.
#[test]
fn each_cause_is_known_by_the_providers_own_answer() {
    use Maker::*;
    type Row<'r> = (Maker, u16, &'r [(&'static str, &'r str)], String, &'r str);
    let amazon = |kind: &'static str| vec![("x-amzn-requestid", "a-1"), ("x-amzn-errortype", kind)];
    let (unknown, expired, denied) = (
        amazon("UnrecognizedClientException"),
        amazon("ExpiredTokenException:http://internal.amazon.com/x"),
        amazon("AccessDeniedException"),
    );
    let (agreement, form) = (amazon("MPAgreementBeingCreated"), amazon("FTUFormNotFilled"));
    let bedrock: &[(&str, &str)] = &[("x-amzn-requestid", "a-1")];
    let page = |title: &str| {
        format!("<!DOCTYPE html><html><head><title>{title}</title></head><body>no</body></html>")
    };
    let rows: Vec<Row<'_>> = vec![
        (OpenAi, 403, OPENAI, openai("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"), "openai_region_unsupported"),
        (OpenAi, 403, OPENAI, openai("Project `proj_1` does not have access to model `gpt-4o`", "invalid_request_error", "model_not_found"), "openai_model_not_enabled"),
        (OpenAi, 401, OPENAI, openai("You have insufficient permissions for this operation. Missing scopes: model.request, api.model.read. Check that you have the correct role", "server_error", ""), "openai_scope_missing"),
        (OpenAi, 401, OPENAI, openai("IP not authorized", "invalid_request_error", "ip_not_authorized"), "openai_ip_not_authorized"),
        (OpenAi, 401, OPENAI, openai("OpenAI-Organization header should match organization for API key", "invalid_request_error", "mismatched_organization"), "openai_organization_mismatch"),
        (OpenAi, 401, OPENAI, openai("OpenAI-Project header should match project for API key", "invalid_request_error", "mismatched_project"), "openai_project_mismatch"),
        (OpenAi, 401, OPENAI, openai("Incorrect API key provided: sk-proj-abc***xyz.", "invalid_request_error", "invalid_api_key"), "openai_key_invalid"),
        (OpenAi, 401, OPENAI, openai("You must be a member of an organization to use the API", "invalid_request_error", ""), "openai_not_a_member"),
        (OpenAi, 401, OPENAI, openai("Your account has been deactivated", "invalid_request_error", "account_deactivated"), "openai_account_deactivated"),
        (OpenAi, 429, OPENAI, openai("Your account is not active, please check your billing details", "billing_not_active", "billing_not_active"), "openai_billing_inactive"),
        (OpenAi, 429, OPENAI, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), "openai_quota_spent"),
        (OpenAi, 429, OPENAI, openai("Limit", "insufficient_quota", "project_spend_limit_exceeded"), "openai_quota_spent"),
        (OpenAi, 403, OPENAI, openai("Your organization must be verified to use the model `o3`", "invalid_request_error", ""), "openai_organization_unverified"),
        (OpenAi, 403, OPENAI, openai("You are not allowed to sample from this model", "invalid_request_error", ""), "openai_model_not_permitted"),
        (OpenAi, 403, OPENAI, openai("Missing scopes: api.management.read", "invalid_request_error", ""), "openai_admin_key_needed"),
        (OpenAi, 403, EDGE, page("Just a moment..."), "blocked_at_edge"),
        (Anthropic, 403, EDGE, page("Attention Required! | Cloudflare"), "blocked_at_edge"),
        (Anthropic, 403, PLAIN, r#"{"error":{"type":"forbidden","message":"Request not allowed"}}"#.to_owned(), "anthropic_blocked_at_edge"),
        (Anthropic, 403, ANTHROPIC, anthropic("Your API key does not have permission to use the specified resource: model: claude-opus-4", "permission_error", ""), "anthropic_not_permitted"),
        (Anthropic, 403, ANTHROPIC, anthropic("OAuth token has been revoked. Please obtain a new token.", "permission_error", ""), "anthropic_token_revoked"),
        (Anthropic, 401, ANTHROPIC, anthropic("OAuth authentication is currently not allowed for this organization.", "authentication_error", ""), "anthropic_oauth_not_allowed"),
        (Anthropic, 403, ANTHROPIC, anthropic("no", "permission_error", "sandbox_egress_restricted"), "anthropic_sandbox_egress"),
        (Anthropic, 403, ANTHROPIC, anthropic("no", "permission_error", "api_key_scope_missing"), "anthropic_scope_missing"),
        (Anthropic, 403, ANTHROPIC, anthropic("no", "permission_error", "user_profile_not_billable"), "anthropic_profile_not_billable"),
        (Anthropic, 400, ANTHROPIC, anthropic("This organization has been disabled.", "invalid_request_error", "organization_on_hold"), "anthropic_organization_on_hold"),
        (Anthropic, 400, ANTHROPIC, anthropic("Your credit balance is too low to access the Anthropic API.", "invalid_request_error", ""), "anthropic_credit_spent"),
        (Anthropic, 400, ANTHROPIC, anthropic("no", "invalid_request_error", "claude_code_version_too_old"), "anthropic_claude_code_policy"),
        (Anthropic, 401, ANTHROPIC, anthropic("CORS requests are not allowed for this Organization because of its settings", "authentication_error", ""), "anthropic_cors_not_allowed"),
        (Anthropic, 401, ANTHROPIC, anthropic("invalid x-api-key", "authentication_error", ""), "anthropic_key_invalid"),
        (Anthropic, 429, ANTHROPIC, anthropic("no", "rate_limit_error", "enforced_spend_limit_reached"), "anthropic_spend_limit_reached"),
        (Google, 400, PLAIN, google("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"), "google_key_invalid"),
        (Google, 400, PLAIN, google("FAILED_PRECONDITION", "User location is not supported for the API use.", ""), "google_region_unsupported"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "Generative Language API has not been used in project 1 before or it is disabled.", "SERVICE_DISABLED"), "google_service_disabled"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "Requests to this API are blocked.", "API_KEY_SERVICE_BLOCKED"), "google_key_restricted_to_other_apis"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "API_KEY_IP_ADDRESS_BLOCKED"), "google_key_restricted_by_address"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "Requests from referer <empty> are blocked.", "API_KEY_HTTP_REFERRER_BLOCKED"), "google_key_for_browsers_or_apps"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "BILLING_DISABLED"), "google_billing_disabled"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "CONSUMER_INVALID"), "google_project_invalid"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "Permission denied: Consumer 'api_key:AIzaSyA0123456789' has been suspended.", "CONSUMER_SUSPENDED"), "google_consumer_suspended"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "USER_PROJECT_DENIED"), "google_user_project_denied"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "SECURITY_POLICY_VIOLATED"), "google_perimeter_violated"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "google_token_scope_insufficient"),
        (Google, 401, PLAIN, google("UNAUTHENTICATED", "no", "ACCESS_TOKEN_TYPE_UNSUPPORTED"), "google_token_type_unsupported"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "IAM_PERMISSION_DENIED"), "google_iam_permission_denied"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "no", "ORG_RESTRICTION_VIOLATION"), "google_organization_policy"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "The caller does not have permission", ""), "google_resource_of_another_project"),
        (Google, 403, PLAIN, google("PERMISSION_DENIED", "This service has been disabled in this account for violation of Terms of Service.", ""), "google_terms_violated"),
        (Azure, 403, AZURE, azure("403", "Access denied due to Virtual Network/Firewall rules."), "azure_network_rules"),
        (Azure, 403, AZURE, azure("403", "Public access is disabled. Please configure private endpoint."), "azure_private_endpoint_only"),
        (Azure, 403, AZURE, azure("403", "A Virtual Network is configured for this resource. Please use the correct endpoint for making requests."), "azure_wrong_endpoint"),
        (Azure, 403, AZURE, azure("AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."), "azure_keys_disabled"),
        (Azure, 401, AZURE, azure("PermissionDenied", "The principal `8f` lacks the required data action `x` to perform `POST`"), "azure_role_missing"),
        (Azure, 403, AZURE, azure("403", "Your resource has been temporarily blocked because we detected unusual behavior"), "azure_resource_blocked"),
        (Azure, 403, AZURE, azure("403", "Outbound network access is restricted; the host is not in the allowed FQDN list"), "azure_outbound_restricted"),
        (Azure, 403, PAGE, page("403 Forbidden"), "blocked_by_firewall_page"),
        (Azure, 401, AZURE, azure("401", "Access denied due to invalid subscription key or wrong API endpoint."), "azure_key_invalid"),
        (Bedrock, 403, &unknown, r#"{"message":"The security token included in the request is invalid."}"#.to_owned(), "bedrock_key_unknown"),
        (Bedrock, 403, &expired, r#"{"message":"The security token included in the request is expired"}"#.to_owned(), "bedrock_signature"),
        (Bedrock, 403, bedrock, r#"{"Message":"Authentication failed: Please make sure your API Key is valid."}"#.to_owned(), "bedrock_bearer_key_invalid"),
        (Bedrock, 403, bedrock, r#"{"Message":"Invalid API Key format: Must start with pre-defined prefix"}"#.to_owned(), "bedrock_bearer_key_form"),
        (Bedrock, 403, &denied, r#"{"Message":"User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m because no identity-based policy allows it"}"#.to_owned(), "bedrock_not_authorized"),
        (Bedrock, 403, &denied, r#"{"message":"You don't have access to the model with the specified model ID."}"#.to_owned(), "bedrock_model_access"),
        (Bedrock, 403, &agreement, r#"{"message":"pending"}"#.to_owned(), "bedrock_agreement_pending"),
        (Bedrock, 404, &form, r#"{"message":"no"}"#.to_owned(), "bedrock_use_case_form"),
        (Mistral, 403, PLAIN, r#"{"detail":"Forbidden"}"#.to_owned(), "mistral_not_entitled"),
        (Xai, 403, PLAIN, r#"{"code":"The caller does not have permission to execute the specified operation","error":"Your newly created team doesn't have any credits or licenses yet."}"#.to_owned(), "xai_no_credit"),
        (Xai, 403, PLAIN, r#"{"code":"x","error":"Your team has either used all available credits or reached its monthly spending limit."}"#.to_owned(), "xai_spend_limit"),
        (Xai, 403, PLAIN, r#"{"code":"The caller does not have permission to execute the specified operation","error":"no"}"#.to_owned(), "xai_key_restricted"),
        (OpenRouter, 403, PLAIN, r#"{"error":{"code":403,"message":"Input was flagged","metadata":{"reasons":["violence"],"flagged_input":"x"}}}"#.to_owned(), "openrouter_flagged"),
        (OpenRouter, 403, PLAIN, r#"{"error":{"code":403,"message":"Key limit exceeded (total limit)."}}"#.to_owned(), "openrouter_policy"),
        (OpenRouter, 402, PLAIN, r#"{"error":{"code":402,"message":"Insufficient credits","metadata":{"limit_source":"openrouter_in_flight_budget"}}}"#.to_owned(), "openrouter_credit"),
        (Groq, 403, PLAIN, openai("Access denied. Please check your network settings.", "", ""), "groq_network"),
        (DeepSeek, 402, PLAIN, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), "deepseek_no_balance"),
        (DeepSeek, 401, PLAIN, openai("Authentication Fails, Your api key: ****0000 is invalid", "authentication_error", "invalid_request_error"), "deepseek_key_invalid"),
        (Cohere, 498, PLAIN, r#"{"message":"invalid token"}"#.to_owned(), "cohere_key_blocked"),
        (Cohere, 403, PLAIN, r#"{"message":"forbidden"}"#.to_owned(), "cohere_key_restricted"),
        (Local, 401, PLAIN, r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#.to_owned(), "local_key_wrong"),
        (OpenAi, 403, &[("content-type", "text/html"), ("via", "1.1 proxy.corp (squid/5.7)"), ("x-squid-error", "ERR_ACCESS_DENIED 0")], page("ERROR"), "blocked_by_outbound_proxy"),
        (OpenAi, 403, &[("x-portcullis-reason", "model_not_allowed"), ("x-request-id", "req_1")], openai("no", "permission_error", "model_not_allowed"), "refused_by_another_gateway"),
    ];
    for (maker, status, list, body, id) in &rows {
        let found = of(*maker, *status, list, body);
        assert_eq!(found.id(), *id, "{maker:?} {status} {body}");
        assert!(!found.mend().is_empty());
    }
    let met: std::collections::HashSet<&str> = rows.iter().map(|row| row.4).collect();
    let unmet: Vec<&str> = causes()
        .iter()
        .filter(|cause| cause.maker != Any && !met.contains(cause.id))
        .map(|cause| cause.id)
        .filter(|id| !["azure_deployment_not_found", "mistral_key_invalid"].contains(id))
        .collect();
    assert_eq!(unmet, Vec::<&str>::new(), "a cause without an answer that shows it");
}

#[test]
fn ordinary_errors_are_taken_for_nothing_else() {
    use Maker::*;
    for (maker, status, list, body, id) in [
        (
            OpenAi,
            400,
            OPENAI,
            openai("Invalid type for 'messages'", "invalid_request_error", "invalid_type"),
            "request_invalid",
        ),
        (
            OpenAi,
            400,
            OPENAI,
            openai(
                "This model's maximum context length is 128000 tokens",
                "invalid_request_error",
                "context_length_exceeded",
            ),
            "context_too_long",
        ),
        (
            OpenAi,
            404,
            OPENAI,
            openai(
                "The model `gpt-9` does not exist or you do not have access to it.",
                "invalid_request_error",
                "model_not_found",
            ),
            "model_not_found",
        ),
        (OpenAi, 404, OPENAI, openai("Invalid URL (POST /v1/x)", "invalid_request_error", ""), "not_found"),
        (
            OpenAi,
            429,
            OPENAI,
            openai("Rate limit reached for gpt-4o", "tokens", "rate_limit_exceeded"),
            "rate_limited",
        ),
        (OpenAi, 429, OPENAI, openai("slow down", "requests", "slow_down"), "rate_limited"),
        (OpenAi, 500, OPENAI, openai("The server had an error", "server_error", ""), "provider_error"),
        (
            OpenAi,
            503,
            OPENAI,
            openai("The engine is overloaded", "service_unavailable_error", "server_is_overloaded"),
            "overloaded",
        ),
        (OpenAi, 502, PAGE, "<html><title>502 Bad Gateway</title></html>".to_owned(), "provider_error"),
        (OpenAi, 409, OPENAI, openai("conflict", "conflict", ""), "request_invalid"),
        (OpenAi, 422, OPENAI, openai("bad", "invalid_request_error", ""), "request_invalid"),
        (
            Anthropic,
            400,
            ANTHROPIC,
            anthropic("max_tokens: Field required", "invalid_request_error", ""),
            "request_invalid",
        ),
        (
            Anthropic,
            400,
            ANTHROPIC,
            anthropic("prompt is too long: 250000 tokens > 200000 maximum", "invalid_request_error", ""),
            "context_too_long",
        ),
        (Anthropic, 404, ANTHROPIC, anthropic("model: claude-9", "not_found_error", ""), "not_found"),
        (
            Anthropic,
            413,
            ANTHROPIC,
            anthropic("Request exceeds the maximum size", "request_too_large", ""),
            "context_too_long",
        ),
        (
            Anthropic,
            429,
            ANTHROPIC,
            anthropic("This request would exceed your rate limit", "rate_limit_error", ""),
            "rate_limited",
        ),
        (Anthropic, 500, ANTHROPIC, anthropic("Internal server error", "api_error", ""), "provider_error"),
        (Anthropic, 504, ANTHROPIC, anthropic("timeout", "timeout_error", ""), "provider_error"),
        (Anthropic, 529, ANTHROPIC, anthropic("Overloaded", "overloaded_error", ""), "overloaded"),
        (
            Google,
            400,
            PLAIN,
            google("INVALID_ARGUMENT", "Invalid JSON payload received.", ""),
            "request_invalid",
        ),
        (
            Google,
            404,
            PLAIN,
            google("NOT_FOUND", "models/gemini-9 is not found for API version v1beta", ""),
            "not_found",
        ),
        (Google, 429, PLAIN, google("RESOURCE_EXHAUSTED", "Quota exceeded", ""), "rate_limited"),
        (Google, 500, PLAIN, google("INTERNAL", "An internal error has occurred.", ""), "provider_error"),
        (Google, 503, PLAIN, google("UNAVAILABLE", "The model is overloaded.", ""), "overloaded"),
        (
            Azure,
            404,
            AZURE,
            azure("DeploymentNotFound", "The API deployment for this resource does not exist."),
            "azure_deployment_not_found",
        ),
        (Azure, 429, AZURE, azure("429", "Requests have exceeded the token rate limit"), "rate_limited"),
        (Azure, 400, AZURE, azure("content_filter", "The response was filtered"), "request_invalid"),
        (Azure, 408, AZURE, azure("Timeout", "The operation was timeout."), "timed_out_there"),
        (Mistral, 401, PLAIN, r#"{"detail":"Unauthorized"}"#.to_owned(), "mistral_key_invalid"),
        (
            Mistral,
            422,
            PLAIN,
            r#"{"detail":[{"loc":["body"],"msg":"x","type":"y"}]}"#.to_owned(),
            "request_invalid",
        ),
        (OpenAi, 403, OPENAI, openai("Something quite new", "new_error", "new_code"), "undiagnosed"),
        (Anthropic, 403, ANTHROPIC, r#"{"odd":true}"#.to_owned(), "undiagnosed"),
        (OpenAi, 418, PLAIN, String::new(), "undiagnosed"),
    ] {
        assert_eq!(of(maker, status, list, &body).id(), id, "{maker:?} {status} {body}");
    }
}

#[test]
fn what_an_answer_names_is_in_the_mend() {
    let body = openai("Missing scopes: model.request, files.read. Check", "x", "");
    assert!(of(Maker::OpenAi, 401, OPENAI, &body).mend().ends_with("(missing model.request, files.read)"));
    let body = openai("Project `proj_1` does not have access to model `gpt-4o`", "x", "model_not_found");
    let found = of(Maker::OpenAi, 403, OPENAI, &body);
    assert!(found.mend().ends_with("(project proj_1; model gpt-4o)"), "{}", found.mend());
    assert_eq!(found.code.as_deref(), Some("model_not_found"));
    let found = of(Maker::OpenAi, 403, EDGE, "<html><title>Just a moment...</title></html>");
    assert!(found.mend().ends_with("(cf-ray 8d1f0a-FRA)"), "{}", found.mend());
}

#[test]
fn it_is_ours_only_where_the_credential_failed() {
    let ours = |maker, status: u16, list: &[(&'static str, &str)], body: &str| {
        of(maker, status, list, body).is_ours(StatusCode::from_u16(status).unwrap())
    };
    assert!(ours(Maker::OpenAi, 401, OPENAI, &openai("no", "x", "invalid_api_key")));
    assert!(ours(Maker::OpenAi, 401, OPENAI, "nobody knows this"));
    assert!(!ours(Maker::OpenAi, 400, OPENAI, "nobody knows this"));
    assert!(!ours(Maker::OpenAi, 429, OPENAI, &openai("no", "insufficient_quota", "insufficient_quota")));
    assert!(!ours(
        Maker::OpenAi,
        403,
        OPENAI,
        &openai("Project `p` does not have access to model `m`", "x", "")
    ));
}

#[test]
fn a_credential_is_blamed_only_for_what_another_would_not_meet() {
    let effect = |maker, status: u16, body: &str| {
        of(maker, status, PLAIN, body).effect(StatusCode::from_u16(status).unwrap())
    };
    let says = |code: &str| openai("no", "x", code);
    for (status, body, expected) in [
        (401, says("invalid_api_key"), Effect::Rejected),
        (401, says("account_deactivated"), Effect::Rejected),
        (401, "nobody knows this".to_owned(), Effect::Rejected),
        (403, "nobody knows this".to_owned(), Effect::None),
        (429, says("insufficient_quota"), Effect::Spent),
        (429, says("billing_not_active"), Effect::Spent),
        (429, says("rate_limit_exceeded"), Effect::RateLimited),
        // The egress, the region, the model, the endpoint, the request, the provider.
        (401, says("ip_not_authorized"), Effect::None),
        (403, says("unsupported_country_region_territory"), Effect::None),
        (404, says("model_not_found"), Effect::None),
        (401, openai("Missing scopes: model.request. Check", "x", ""), Effect::None),
        (400, says("context_length_exceeded"), Effect::None),
        (503, says("server_is_overloaded"), Effect::None),
        (500, String::new(), Effect::None),
    ] {
        assert_eq!(effect(Maker::OpenAi, status, &body), expected, "{status} {body}");
    }
    // Whatever is wrong with the credential itself is nothing for the caller to mend.
    assert!(causes().iter().all(|cause| cause.ours || cause.effect != Effect::Rejected));
}

#[test]
fn a_causes_number_leads_back_to_it() {
    for cause in causes() {
        assert_eq!(cause_word(cause_number(Some(cause))), cause.id);
    }
    assert_eq!(cause_word(cause_number(None)), "undiagnosed");
    // As many as the state of a credential has room for.
    assert!(causes().len() < 0x7fff);
}

#[test]
fn no_part_of_a_key_is_repeated() {
    let body = openai(
        "Missing scopes: sk-proj-0123456789abcdef. Check",
        "sk-ant-api03-0123456789",
        "AIzaSy0123456789abc",
    );
    let found = of(Maker::OpenAi, 401, OPENAI, &body);
    let said = format!("{found:?} {}", excerpt(body.as_bytes()));
    assert!(!said.contains("0123456789"), "{said}");
}

#[test]
fn every_cause_has_a_word_of_its_own() {
    let mut ids: Vec<_> = causes().iter().map(|cause| cause.id).collect();
    assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), causes().len());
    // Phrases are compared in small letters.
    assert!(
        causes().iter().flat_map(|cause| cause.says).all(|phrase| *phrase == phrase.to_ascii_lowercase())
    );
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(status in 400u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let found = diagnose(&[Maker::OpenAi, Maker::Google], StatusCode::from_u16(status).unwrap(), &headers(PLAIN), &body);
        prop_assert!(found.mend().len() < 2000);
        prop_assert!(excerpt(&body).bytes().all(|b| matches!(b, b' '..=b'~')));
    }
}
