//! The causes, as a table: most specific first, and the ordinary ones last.
//!
//! Each row ends with where its answer is documented or was met, and how sure that makes it; gathered in
//! November 2026. Sources are for facts only: nothing in them is repeated but the words that tell a cause.

use super::Maker::{
    Anthropic, Any, Azure, Bedrock, Cohere, DeepSeek, Google, Groq, Local, Mistral, OpenAi, OpenRouter, Xai,
};
use super::Retry::{AfterMend, Later, Never};
use super::Whose::{Account, Administrator, Caller, Operator, Provider};
use super::{About, Cause, Effect, Shape, Sure};

macro_rules! causes {
    ($($maker:ident $id:literal [$($status:literal)*] $shape:ident codes [$($code:literal)*] says [$($says:literal)*]
       $whose:ident $retry:ident $ours:literal $effect:ident $about:ident; $what:literal; $mend:literal;
       $sure:ident $source:literal;)*) => {
        /// Every cause.
        pub(super) static ALL: &[Cause] = &[$(Cause {
            maker: $maker, id: $id, statuses: &[$($status),*], shape: Shape::$shape, codes: &[$($code),*],
            says: &[$($says),*], whose: $whose, retry: $retry, ours: $ours, effect: Effect::$effect, about: About::$about,
            what: $what, mend: $mend, sure: Sure::$sure, source: $source,
        }),*];
    };
}

// A row fits when the status is one of its statuses, the answer has its shape, and one of its codes
// is there or one of its phrases is said (both lists empty: always). `true`: it is about the gate's own
// credential, so the caller is not to see it as its own. The word behind is what it does to the credential:
// `None` wherever another credential would fare the same (the egress address, the region, the content), or
// where this one is only wrong for a model or an endpoint. The last is what was not in order.
causes! {
    // ---- before the provider's API
    Any "blocked_at_edge" [403 429 503] CloudflarePage codes [] says []
        Operator Never false None Way; "the provider's edge refused the request; it never reached the API";
        "send from another egress address and keep a normal User-Agent; quote the cf-ray to the provider";
        Seen "https://github.com/wandb/openui/issues/144";
    Any "blocked_by_outbound_proxy" [403 407] ProxyPage codes [] says []
        Operator AfterMend false None Way; "a proxy on the gate's way out refused the request";
        "allow the provider's host in the outbound proxy";
        Reported "https://wiki.squid-cache.org/";
    Azure "blocked_by_firewall_page" [403] Page codes [] says []
        Operator AfterMend false None Way; "a web application firewall in front of the resource refused the request";
        "look up the rule in the firewall's log and allow the gate's requests";
        Seen "https://github.com/Azure/azure-sdk-for-python/issues/39887";
    Any "refused_by_page" [403] Page codes [] says []
        Operator AfterMend false None Way; "something before the provider's API answered with a web page";
        "find out which proxy or firewall stands between the gate and the provider";
        Seen "https://github.com/Cinnamon/kotaemon/issues/372";
    Any "refused_by_another_gateway" [400 401 403 404 413 429] OurOwn codes [] says []
        Operator AfterMend false None Way; "another Portcullis, behind this one, refused the request";
        "mend the rule that its x-portcullis-reason names";
        Documented "../README.md#what-a-refusal-looks-like";

    // ---- OpenAI
    OpenAi "openai_region_unsupported" [403] Api codes ["unsupported_country_region_territory"] says []
        Operator Never false None Region; "the gate's egress address is in a country that OpenAI does not serve";
        "send this upstream's requests from a supported region, over IPv6 as well";
        Seen "https://github.com/home-assistant/core/issues/120072";
    OpenAi "openai_model_not_enabled" [403] Api codes [] says ["does not have access to model"]
        Administrator AfterMend false None Model; "the OpenAI project may not use the model";
        "enable the model in the project's limits at OpenAI";
        Seen "https://github.com/cursor/cursor/issues/2953";
    OpenAi "openai_admin_key_needed" [401 403] Api codes [] says ["api.management"]
        Administrator AfterMend true None Scope; "a project key was used where OpenAI wants an admin key";
        "give this upstream an admin key, or do not call the organization's endpoints";
        Reported "https://platform.openai.com/docs/api-reference/administration";
    OpenAi "openai_scope_missing" [401 403] Api codes ["missing_scope"] says ["missing scopes:"]
        Administrator AfterMend true None Scope; "the OpenAI key lacks a permission";
        "grant the permission to the key or its role at OpenAI; if the key is unrestricted and it comes and goes, it is an incident at OpenAI";
        Seen "https://github.com/continuedev/continue/issues/10059";
    OpenAi "openai_ip_not_authorized" [401 403] Api codes ["ip_not_authorized"] says ["ip not authorized"]
        Operator AfterMend true None Address; "OpenAI's allowlist of addresses does not hold the gate's egress address";
        "add the gate's egress address to the allowlist of the organization or project at OpenAI";
        Documented "https://developers.openai.com/docs/guides/error-codes";
    OpenAi "openai_organization_mismatch" [401] Api codes ["mismatched_organization"] says []
        Operator AfterMend true Rejected Organization; "the organization sent does not own the key";
        "correct the credential's organization in the configuration";
        Seen "https://github.com/openai/codex/issues/1000";
    OpenAi "openai_project_mismatch" [401] Api codes ["mismatched_project"] says []
        Operator AfterMend true Rejected Project; "the project sent does not own the key";
        "correct the credential's project in the configuration";
        Reported "https://platform.openai.com/docs/api-reference/authentication";
    OpenAi "openai_not_a_member" [401] Api codes ["no_organization"] says ["must be a member of an organization"]
        Administrator AfterMend true Rejected Organization; "the key's owner is no longer in the organization";
        "use a service account's key";
        Documented "https://developers.openai.com/docs/guides/error-codes";
    OpenAi "openai_account_deactivated" [401 403] Api codes ["account_deactivated"] says ["account has been deactivated"]
        Account Never true Rejected Organization; "the OpenAI account was closed";
        "write to OpenAI, and use another account's credential meanwhile";
        Seen "https://github.com/ChatGPTNextWeb/NextChat/issues/4175";
    OpenAi "openai_key_invalid" [401] Api codes ["invalid_api_key"] says ["incorrect api key"]
        Operator AfterMend true Rejected Key; "OpenAI does not know the gate's key, or it was revoked";
        "rotate the credential";
        Documented "https://developers.openai.com/docs/guides/error-codes";
    OpenAi "openai_billing_inactive" [429] Api codes ["billing_not_active"] says []
        Account Never false Spent Billing; "the OpenAI account's billing is not active";
        "pay or renew the billing at OpenAI";
        Seen "https://github.com/BerriAI/litellm/issues/2743";
    OpenAi "openai_quota_spent" [429] Api codes ["insufficient_quota" "credit_balance_exhausted" "organization_spend_limit_exceeded" "project_spend_limit_exceeded" "organization_usage_limit_exceeded"] says []
        Account Never false Spent Billing; "the OpenAI account has no credit left or reached its spend limit";
        "add credit or raise the limit at OpenAI; retrying does not help";
        Documented "https://developers.openai.com/docs/guides/error-codes";
    OpenAi "openai_organization_unverified" [400 403 404] Api codes [] says ["organization must be verified"]
        Account AfterMend false None Organization; "the OpenAI organization is not verified for this model";
        "verify the organization at OpenAI and wait a quarter of an hour";
        Seen "https://github.com/openai/openai-go/issues/565";
    OpenAi "openai_model_not_permitted" [401 403] Api codes [] says ["not allowed to sample from this model" "insufficient permissions"]
        Administrator AfterMend false None Scope; "the key's role may not use the model or endpoint";
        "check the key's role in its OpenAI project";
        Seen "https://github.com/marcolivierbouch/XReplyGPT/issues/34";

    // ---- Anthropic
    Anthropic "anthropic_blocked_at_edge" [403] NoRequestId codes ["forbidden"] says ["request not allowed"]
        Operator Never false None Region; "Anthropic's edge refused the request: unsupported region, or a subscription's token";
        "check the egress region, and use an API key instead of an OAuth token";
        Seen "https://github.com/anthropics/claude-quickstarts/issues/32";
    Anthropic "anthropic_token_revoked" [401 403] Api codes [] says ["oauth token has been revoked"]
        Operator AfterMend true Rejected Key; "the OAuth token was revoked";
        "replace the credential, by an API key if possible";
        Seen "https://github.com/anthropics/claude-code/issues/5210";
    Anthropic "anthropic_oauth_not_allowed" [401 403] Api codes [] says ["oauth authentication is currently not allowed"]
        Administrator Never true Rejected Organization; "the organization does not allow OAuth tokens";
        "use an API key as the credential";
        Seen "https://github.com/anthropics/claude-code/issues/65714";
    Anthropic "anthropic_sandbox_egress" [403] Api codes ["sandbox_egress_restricted"] says []
        Caller Never false None Request; "the call came from a sandbox whose way out is restricted";
        "call from outside the sandbox";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_scope_missing" [403] Api codes ["api_key_scope_missing" "organization_level_scoped_api_key_required" "spend_limits_admin_api_writes_not_enabled" "claude_tag_writes_not_enabled" "compliance_configuration_restricted" "cannot_sign_out_user" "cannot_sign_out_self" "environment_create_disabled" "environment_update_disabled"] says ["does not meet scope requirement"]
        Administrator AfterMend true None Scope; "the Anthropic key lacks a right for this endpoint";
        "use a key with the scope that the code names";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_profile_not_billable" [403] Api codes ["user_profile_not_billable" "user_profile_billing_not_authorized"] says []
        Administrator AfterMend false None Billing; "the user profile named in the request may not be billed";
        "leave the profile out of the request, or authorize its billing at Anthropic";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_organization_on_hold" [400 403] Api codes ["organization_on_hold"] says ["organization has been disabled"]
        Account Never true Rejected Organization; "the Anthropic organization was suspended";
        "appeal at Anthropic, and use another organization's credential meanwhile";
        Seen "https://github.com/anthropics/claude-code/issues/54311";
    Anthropic "anthropic_credit_spent" [400 402] Api codes [] says ["credit balance is too low"]
        Account Never false Spent Billing; "the Anthropic account's credit is used up";
        "add credit at Anthropic; retrying does not help";
        Seen "https://github.com/anthropics/claude-code/issues/66314";
    Anthropic "anthropic_claude_code_policy" [400] Api codes ["claude_code_key_creator_not_member" "claude_code_version_too_old"] says []
        Caller AfterMend false None Request; "the workspace's policy for Claude Code refused the request";
        "update the client, or have its key made anew by a member";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_cors_not_allowed" [401] Api codes [] says ["cors requests are not allowed"]
        Operator AfterMend true None Organization; "Anthropic took the request for a browser's";
        "do not send Origin, Referer or Sec-Fetch headers upstream";
        Seen "https://github.com/anthropics/anthropic-sdk-typescript/issues/741";
    Anthropic "anthropic_spend_limit_reached" [400 402 429] Api codes ["enforced_spend_limit_reached" "contract_spend_limit_reached" "linked_organization_spend_limit_reached" "linked_organization_billing_unavailable" "billing_error"] says []
        Account Never false Spent Billing; "the Anthropic account reached its spend limit or cannot be billed";
        "raise the limit or mend the billing at Anthropic; retrying does not help";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_encryption_key_unusable" [400] Api codes ["cmek_key_disabled" "cmek_key_network_blocked"] says []
        Account AfterMend false None Organization; "the workspace's own encryption key is disabled, or its key service lets nobody in";
        "enable the key again, or open its key service's network to Anthropic";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_encryption_key_unreachable" [503] Api codes ["cmek_key_unreachable" "cmek_context_unavailable"] says []
        Account Later false None Organization; "the workspace's own encryption key could not be resolved or reached";
        "retry; if it stays, see whether the key's service has it";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_storage_full" [400] Api codes ["storage_quota_exceeded"] says []
        Account AfterMend false None Quota; "the Anthropic organization has no room left for files";
        "delete files at Anthropic";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_organization_unsuited" [400] Api codes ["organization_type_not_supported" "parent_organization_required"] says []
        Account Never false None Organization; "the endpoint does not serve Anthropic organizations of this type";
        "use an organization of a type that the endpoint's description names";
        Documented "https://github.com/anthropics/anthropic-sdk-python";
    Anthropic "anthropic_not_permitted" [403] Api codes ["permission_error"] says []
        Administrator AfterMend false None Scope; "the workspace or organization does not allow the resource or model";
        "allow it in the workspace of the key, in Anthropic's console";
        Documented "https://docs.claude.com/en/api/errors";
    Anthropic "anthropic_key_invalid" [401] Api codes ["authentication_error"] says []
        Operator AfterMend true Rejected Key; "Anthropic does not know the gate's key, or it was revoked or has expired";
        "rotate the credential";
        Documented "https://docs.claude.com/en/api/errors";

    // ---- Google: the Gemini API and Vertex
    Google "google_key_invalid" [400 401] Api codes ["API_KEY_INVALID" "API_KEY_EXPIRED"] says ["api key not valid" "api key expired"]
        Operator AfterMend true Rejected Key; "Google does not know the gate's key, or it has expired";
        "replace the credential";
        Documented "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto";
    Google "google_region_unsupported" [400] Api codes [] says ["user location is not supported"]
        Operator Never false None Region; "the gate's egress address is in a country that the Gemini API does not serve";
        "send from another region, or use Vertex AI";
        Seen "https://github.com/google-gemini/gemini-cli/issues/1614";
    Google "google_service_disabled" [403] Api codes ["SERVICE_DISABLED"] says []
        Administrator AfterMend true Rejected Project; "the API is not switched on in the key's project";
        "switch the API on in the project and wait some minutes";
        Documented "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto";
    Google "google_key_restricted_to_other_apis" [401 403] Api codes ["API_KEY_SERVICE_BLOCKED"] says []
        Administrator AfterMend true Rejected Scope; "the key is restricted to other APIs";
        "add the API to the key's restrictions";
        Seen "https://github.com/continuedev/continue/issues/12781";
    Google "google_key_restricted_by_address" [403] Api codes ["API_KEY_IP_ADDRESS_BLOCKED"] says []
        Operator AfterMend true None Address; "the key is restricted to other addresses";
        "add the gate's egress address to the key's restrictions, IPv6 too";
        Documented "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto";
    Google "google_key_for_browsers_or_apps" [403] Api codes ["API_KEY_HTTP_REFERRER_BLOCKED" "API_KEY_ANDROID_APP_BLOCKED" "API_KEY_IOS_APP_BLOCKED"] says []
        Administrator AfterMend true Rejected Key; "the key is one for web pages or mobile apps";
        "use a key for servers";
        Seen "https://github.com/YouCount/youcount.github.io/issues/14";
    Google "google_billing_disabled" [403] Api codes ["BILLING_DISABLED"] says []
        Account AfterMend true Spent Billing; "the project's billing account is closed";
        "open the billing account again";
        Seen "https://github.com/GoogleCloudPlatform/php-docs-samples/issues/1235";
    Google "google_project_invalid" [403] Api codes ["CONSUMER_INVALID" "RESOURCE_PROJECT_INVALID"] says []
        Operator AfterMend true Rejected Project; "the project does not exist or was deleted";
        "correct the project";
        Seen "https://github.com/gemini-cli-extensions/nanobanana/issues/16";
    Google "google_consumer_suspended" [403] Api codes ["CONSUMER_SUSPENDED"] says []
        Account Never true Rejected Project; "the project or key was suspended, as after a leak";
        "make a new key, in a new project if need be, and rotate the credential";
        Seen "https://github.com/google/generative-ai-docs/issues/356";
    Google "google_user_project_denied" [403] Api codes ["USER_PROJECT_DENIED"] says []
        Operator AfterMend true Rejected Project; "the credential may not bill the project named for it";
        "leave x-goog-user-project out, or grant serviceusage.services.use";
        Seen "https://github.com/google-github-actions/auth/issues/250";
    Google "google_perimeter_violated" [403] Api codes ["SECURITY_POLICY_VIOLATED"] says []
        Administrator AfterMend true None Organization; "VPC Service Controls refused the request";
        "add a rule to the perimeter; the audit log holds the uid";
        Seen "https://github.com/cloudquery/cloudquery/issues/1062";
    Google "google_token_scope_insufficient" [403] Api codes ["ACCESS_TOKEN_SCOPE_INSUFFICIENT"] says []
        Operator AfterMend true None Scope; "the OAuth token lacks a scope";
        "mint it with the cloud-platform scope";
        Seen "https://github.com/NoeFabris/opencode-antigravity-auth/issues/81";
    Google "google_token_type_unsupported" [401] Api codes ["ACCESS_TOKEN_TYPE_UNSUPPORTED"] says []
        Operator AfterMend true Rejected Key; "the key was taken for an OAuth token, or is bound to no service account";
        "send it as x-goog-api-key, and check the service account that it is bound to";
        Seen "https://github.com/google-gemini/gemini-cli/issues/29275";
    Google "google_iam_permission_denied" [403] Api codes ["IAM_PERMISSION_DENIED"] says ["denied on resource '//"]
        Administrator AfterMend true None Scope; "the service account lacks a role";
        "grant a role with the permission, such as roles/aiplatform.user";
        Seen "https://github.com/rpurinton/gemini-php/issues/4";
    Google "google_organization_policy" [403] Api codes ["LOCATION_POLICY_VIOLATED" "ORG_RESTRICTION_VIOLATION" "USER_BLOCKED_BY_ADMIN" "LOCATION_TAX_POLICY_VIOLATED"] says []
        Administrator AfterMend true None Organization; "a policy of the Google organization refused the request";
        "ask the organization's administrator";
        Documented "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto";
    Google "google_terms_violated" [403] Api codes [] says ["violation of terms of service" "violation of the terms of service"]
        Account Never true Rejected Organization; "the service was taken from the account for a breach of its terms";
        "appeal at Google";
        Seen "https://github.com/lbjlaq/Antigravity-Manager/issues/1653";
    Google "google_resource_of_another_project" [403] Api codes [] says ["caller does not have permission" "you do not have permission to access the" "(or permission denied)"]
        Caller AfterMend false None Request; "the file or cache belongs to another project, or the account is not approved";
        "use the resource with the key that made it";
        Seen "https://github.com/googleapis/python-genai/issues/1218";
    Google "google_unauthenticated" [401] Api codes ["UNAUTHENTICATED" "authentication"] says []
        Operator AfterMend true Rejected Key; "Google does not take the gate's key or token: unknown, missing or expired";
        "replace the credential";
        Documented "https://ai.google.dev/gemini-api/docs/api-errors";

    // ---- Azure
    Azure "azure_network_rules" [403] Api codes [] says ["access denied due to virtual network/firewall rules"]
        Operator AfterMend true None Address; "the resource's firewall does not hold the gate's egress address";
        "add the egress address or subnet to the resource's networking";
        Seen "https://github.com/Azure-Samples/azure-sql-db-chatbot/issues/3";
    Azure "azure_private_endpoint_only" [403] Api codes [] says ["public access is disabled"]
        Operator AfterMend true None Address; "the resource can be reached by its private endpoint only";
        "let the gate resolve the resource's name to its private endpoint";
        Seen "https://github.com/TabularEditor/TabularEditor3/issues/1557";
    Azure "azure_wrong_endpoint" [403] Api codes [] says ["virtual network is configured for this resource"]
        Operator AfterMend true None Way; "the regional endpoint was used for a resource with a virtual network";
        "use https://RESOURCE.openai.azure.com as base_url";
        Seen "https://github.com/continuedev/continue/issues/12547";
    Azure "azure_keys_disabled" [403] Api codes ["AuthenticationTypeDisabled"] says ["key based authentication is disabled"]
        Administrator AfterMend true Rejected Key; "the resource takes no keys";
        "use an Entra token, or allow keys for the resource";
        Seen "https://github.com/microsoft/sample-app-aoai-chatGPT/issues/1000";
    Azure "azure_role_missing" [401 403] Api codes ["PermissionDenied" "AuthorizationFailed"] says ["lacks the required data action"]
        Administrator AfterMend true None Scope; "the principal lacks a role on the resource";
        "grant it Cognitive Services OpenAI User and wait five minutes";
        Seen "https://github.com/davrous/AzureAgentToM365/issues/3";
    Azure "azure_resource_blocked" [403] Api codes [] says ["has been temporarily blocked"]
        Account Later true None Organization; "the resource was blocked for unusual behaviour";
        "open a support ticket at Azure";
        Seen "https://github.com/pollinations/pollinations/issues/9319";
    Azure "azure_outbound_restricted" [400 403] Api codes [] says ["outbound network access is restricted" "allowed fqdn list"]
        Administrator AfterMend false None Request; "the resource may not fetch from the host that the request names";
        "add the host to the resource's allowed FQDN list";
        Seen "https://github.com/microsoft/sample-app-aoai-chatGPT/issues/1050";
    Azure "azure_deployment_not_found" [404] Api codes ["DeploymentNotFound"] says []
        Caller AfterMend false None Model; "the resource has no deployment of this name";
        "name a deployment that exists; a new one takes five minutes";
        Seen "https://github.com/chatboxai/chatbox/issues/646";
    Azure "azure_key_invalid" [401] Api codes ["401" "invalid_api_key"] says ["invalid subscription key" "wrong api endpoint"]
        Operator AfterMend true Rejected Key; "the resource does not know the gate's key, or it belongs to another region";
        "check the credential and the base_url against the resource";
        Seen "https://github.com/openinterpreter/openinterpreter/issues/319";

    // ---- Bedrock
    Bedrock "bedrock_key_unknown" [403] Api codes ["UnrecognizedClientException"] says ["security token included in the request is invalid"]
        Operator AfterMend true Rejected Key; "AWS does not know the access key, or its session token is missing";
        "correct the credentials";
        Seen "https://github.com/vercel/ai/issues/4163";
    Bedrock "bedrock_signature" [400 403] Api codes ["ExpiredTokenException" "InvalidSignatureException" "MissingAuthenticationToken" "MissingAuthenticationTokenException" "IncompleteSignature" "IncompleteSignatureException"] says []
        Operator AfterMend true Rejected Key; "AWS refused the signature: expired, or made with a wrong clock, or the request was changed behind it";
        "renew the credentials and check the gate's clock";
        Documented "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html";
    Bedrock "bedrock_bearer_key_invalid" [401 403] Api codes ["invalid_api_key"] says ["authentication failed: please make sure your api key is valid" "invalid bearer token"]
        Operator AfterMend true Rejected Key; "the Bedrock key is wrong, expired, or of another region";
        "use a key of the endpoint's region";
        Seen "https://github.com/ai4s-research/open-science/issues/53";
    Bedrock "bedrock_bearer_key_form" [403] Api codes [] says ["invalid api key format: must start with pre-defined prefix"]
        Operator AfterMend true Rejected Key; "the credential is not a Bedrock key, or its role may not use bearer tokens";
        "correct the credential, or grant bedrock:CallWithBearerToken";
        Reported "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html";
    Bedrock "bedrock_agreement_pending" [403] Api codes ["MPAgreementBeingCreated"] says ["mpagreementbeingcreated"]
        Provider Later false None Model; "the model's first subscription is still being made";
        "retry for a quarter of an hour, then check the Marketplace permissions";
        Documented "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html";
    Bedrock "bedrock_use_case_form" [404] Api codes ["FTUFormNotFilled"] says ["use case details"]
        Administrator AfterMend false None Model; "Anthropic's use case form is not filled in";
        "fill in the form in the Bedrock console";
        Documented "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html";
    Bedrock "bedrock_model_access" [403] Api codes [] says ["don't have access to the model with the specified model id" "not authorized to invoke this api operation" "model access is denied"]
        Administrator AfterMend false None Model; "the account has no access to the model in this region";
        "ask for access to the model in the Bedrock console; mend the Marketplace right or payment if the answer names one";
        Seen "https://github.com/aws-samples/sample-agentic-frameworks-on-aws/issues/44";
    Bedrock "bedrock_not_authorized" [403] Api codes ["AccessDeniedException"] says ["is not authorized to perform"]
        Administrator AfterMend true None Scope; "a policy of the AWS account refuses the action";
        "allow the action on the model and on the inference profile, in each of its regions";
        Seen "https://github.com/aws-samples/sample-badgers/issues/33";

    // ---- the others
    Xai "xai_no_credit" [402 403] Api codes [] says ["doesn't have any credits or licenses" "run out of credits"]
        Account Never false Spent Billing; "the xAI team has no credit";
        "buy credit at xAI";
        Seen "https://github.com/continuedev/continue/issues/12670";
    Xai "xai_spend_limit" [402 403 429] Api codes [] says ["used all available credits or reached its monthly spending limit"]
        Account Never false Spent Billing; "the xAI team used its credit or reached its monthly limit";
        "raise the limit at xAI";
        Seen "https://github.com/continuedev/continue/issues/10373";
    Xai "xai_key_restricted" [403] Api codes [] says ["does not have permission"]
        Administrator AfterMend true None Scope; "the xAI key's access list does not allow this, or the key is blocked";
        "extend the key's access list";
        Seen "https://github.com/sepivip/SeekerClaw/pull/444";
    OpenRouter "openrouter_flagged" [403] Flagged codes [] says []
        Caller Never false None Request; "OpenRouter's moderation or a guardrail refused the input";
        "change the input or the model";
        Documented "https://openrouter.ai/docs/api/reference/errors-and-debugging";
    OpenRouter "openrouter_in_flight_budget" [402] Api codes ["openrouter_in_flight_budget"] says []
        Account Later false RateLimited Quota; "requests under way fill what the OpenRouter account may spend at once";
        "wait as long as retry-after says, send fewer at once, or add credit";
        Documented "https://openrouter.ai/docs/api/reference/errors-and-debugging";
    OpenRouter "openrouter_budget_spent" [403] Api codes ["openrouter_key_limit" "openrouter_workspace_budget" "openrouter_guardrail_budget"] says ["key limit exceeded" "budget limit exceeded"]
        Account Never false Spent Billing; "the limit of the OpenRouter key, or the budget it draws on, is used up";
        "raise the limit or budget, or wait until it is reset";
        Seen "https://github.com/MCPJam/inspector/issues/1287";
    OpenRouter "openrouter_credit" [402] Api codes [] says []
        Account Never false Spent Billing; "the OpenRouter account or key has no credit left";
        "add credit, or raise the key's limit";
        Documented "https://openrouter.ai/docs/api/reference/errors-and-debugging";
    OpenRouter "openrouter_policy" [403] Api codes [] says ["limit" "guardrail" "policy" "moderation"]
        Account Never false None Scope; "a limit or policy of the OpenRouter key refused the request";
        "raise the key's limit or change its policy";
        Reported "https://openrouter.ai/docs/api/reference/errors-and-debugging";
    Groq "groq_network" [403] Api codes [] says ["check your network settings"]
        Operator Never false None Address; "Groq's edge refused the gate's egress address";
        "send from another egress address";
        Reported "https://console.groq.com/docs/errors";
    DeepSeek "deepseek_no_balance" [402] Api codes [] says []
        Account Never false Spent Billing; "the DeepSeek account has no balance left";
        "add to the balance at DeepSeek";
        Documented "https://api-docs.deepseek.com/quick_start/error_codes";
    DeepSeek "deepseek_key_invalid" [401] Api codes [] says ["authentication fails"]
        Operator AfterMend true Rejected Key; "DeepSeek does not know the gate's key";
        "rotate the credential";
        Documented "https://api-docs.deepseek.com/quick_start/error_codes";
    Cohere "cohere_key_blocked" [401 498] Api codes [] says []
        Account AfterMend true Rejected Key; "Cohere refused the gate's key: unknown or blocked";
        "check the key at Cohere and rotate the credential";
        Documented "https://docs.cohere.com/v2/reference/errors";
    Cohere "cohere_key_restricted" [403] Api codes [] says []
        Account AfterMend true None Scope; "Cohere's key may not do this";
        "check the key's restrictions at Cohere";
        Documented "https://github.com/cohere-ai/cohere-python";
    Mistral "mistral_not_entitled" [403] Api codes [] says []
        Administrator AfterMend false None Model; "the Mistral workspace's plan does not include the model";
        "check the plan; Codestral has a key and host of its own";
        Reported "https://docs.mistral.ai/";
    Mistral "mistral_key_invalid" [401] Api codes [] says []
        Operator AfterMend true Rejected Key; "Mistral does not know the gate's key";
        "rotate the credential";
        Seen "https://github.com/coolcline/CoolCline/issues/36";
    Local "local_key_wrong" [401] Api codes [] says ["invalid api key" "unauthorized"]
        Operator AfterMend true Rejected Key; "the model server was started with another key";
        "give the upstream the key that the server was started with";
        Seen "https://github.com/ggml-org/llama.cpp/pull/14352";

    // ---- ordinary errors, which no one is to take for one of the above
    Any "model_not_found" [404] Api codes ["model_not_found"] says ["model_not_found" "model not found" "does not exist or you do not have access"]
        Caller AfterMend false None Model; "the provider has no such model, or the account may not see it";
        "check the model's name";
        Seen "https://github.com/Shopify/roast/issues/13";
    Any "context_too_long" [400 413] Api codes ["context_length_exceeded" "request_too_large"] says ["maximum context length" "prompt is too long"]
        Caller AfterMend false None Request; "the input is longer than the model takes";
        "send less, or use a model that takes more";
        Documented "https://docs.claude.com/en/api/errors";
    Any "rate_limited" [429] Any codes [] says []
        Account Later false RateLimited Quota; "the provider's rate limit is reached";
        "wait as long as retry-after says, or have the limit raised";
        Documented "https://developers.openai.com/docs/guides/error-codes";
    Any "not_found" [404] Any codes [] says []
        Caller AfterMend false None Request; "the provider has nothing at this path or of this name";
        "check the path, the model and the ids in the request";
        Documented "https://docs.claude.com/en/api/errors";
    Any "payment_required" [402] Any codes [] says []
        Account Never false Spent Billing; "the provider wants to be paid first";
        "mend the account's billing";
        Documented "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.3";
    Any "overloaded" [503 529] Any codes [] says []
        Provider Later false None Provider; "the provider has no capacity at the moment";
        "retry after a while";
        Documented "https://docs.claude.com/en/api/errors";
    Any "provider_error" [500 502 504 520 521 522 523 524] Any codes [] says []
        Provider Later false None Provider; "something failed at the provider";
        "retry after a while; quote the upstream's request id to the provider if it stays";
        Documented "https://docs.claude.com/en/api/errors";
    Any "request_invalid" [400 405 406 409 412 413 415 422] Api codes [] says []
        Caller AfterMend false None Request; "the provider does not take the request as it is";
        "mend what the provider's message names";
        Documented "https://docs.claude.com/en/api/errors";
    Any "timed_out_there" [408 424] Any codes [] says []
        Provider Later false None Provider; "the provider or the model took too long";
        "retry";
        Documented "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9";
}
