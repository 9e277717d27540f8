//! The endpoints of each surface, as a table.

use super::{Endpoint, ModelIn, Scope, Streams, Verb};
use crate::dialect::Surface;

macro_rules! endpoints {
    ($($surface:ident $name:literal $verb:ident $path:literal $scope:ident $model:ident $streams:ident [$($query:literal),*] $lists:literal;)*) => {
        /// Every endpoint, surface by surface.
        pub static ALL: &[Endpoint] = &[$(Endpoint {
            name: $name, surface: Surface::$surface, verb: Verb::$verb, path: $path, scope: Scope::$scope,
            model: ModelIn::$model, streams: Streams::$streams, query: &[$($query),*], lists_models: $lists,
        }),*];
    };
}

// Sources: the paths that the providers' own SDKs call (OpenAI OpenAPI 2.3.0 and openai-python 3.52,
// anthropic-python 2.11, google-genai 3.4, the Azure client in openai-python).
endpoints! {
    OpenAi "chat"                   Post "/chat/completions"       Chat        Body    IfAsked [] false;
    OpenAi "completions"            Post "/completions"            Completions Body    IfAsked [] false;
    OpenAi "responses"              Post "/responses"              Responses   BodyOrProvidersChoice IfAsked ["beta"] false;
    OpenAi "responses.input_tokens" Post "/responses/input_tokens" Tokens      BodyOrProvidersChoice Never [] false;
    OpenAi "embeddings"             Post "/embeddings"             Embeddings  Body    Never   [] false;
    OpenAi "moderations"            Post "/moderations"            Moderations BodyOrProvidersChoice Never [] false;
    OpenAi "models.list"            Get  "/models"                 ModelsRead  Nowhere Never   [] true;
    OpenAi "models.get"             Get  "/models/{model}"         ModelsRead  Path    Never   [] false;

    Anthropic "messages"              Post "/messages"              Chat       Body    IfAsked ["beta"] false;
    Anthropic "messages.count_tokens" Post "/messages/count_tokens" Tokens     Body    Never   ["beta"] false;
    Anthropic "models.list"           Get  "/models"                ModelsRead Nowhere Never   ["limit", "after_id", "before_id", "beta"] true;
    Anthropic "models.get"            Get  "/models/{model}"        ModelsRead Path    Never   ["beta"] false;

    Gemini "generate"        Post "/models/{model}:generateContent"       Chat       Path    Never   ["alt"] false;
    Gemini "stream_generate" Post "/models/{model}:streamGenerateContent" Chat       Path    Always  ["alt"] false;
    Gemini "count_tokens"    Post "/models/{model}:countTokens"           Tokens     Path    Never   ["alt"] false;
    Gemini "embed"           Post "/models/{model}:embedContent"          Embeddings Path    Never   ["alt"] false;
    Gemini "batch_embed"     Post "/models/{model}:batchEmbedContents"    Embeddings Path    Never   ["alt"] false;
    Gemini "models.list"     Get  "/models"                               ModelsRead Nowhere Never   ["alt", "pageSize", "pageToken"] true;
    Gemini "models.get"      Get  "/models/{model}"                       ModelsRead Path    Never   ["alt"] false;

    AzureDeployment "chat"        Post "/{model}/chat/completions" Chat        Path IfAsked ["api-version"] false;
    AzureDeployment "completions" Post "/{model}/completions"      Completions Path IfAsked ["api-version"] false;
    AzureDeployment "embeddings"  Post "/{model}/embeddings"       Embeddings  Path Never   ["api-version"] false;

    AzureV1 "chat"        Post "/chat/completions" Chat        Body    IfAsked ["api-version"] false;
    AzureV1 "completions" Post "/completions"      Completions Body    IfAsked ["api-version"] false;
    AzureV1 "responses"   Post "/responses"        Responses   BodyOrProvidersChoice IfAsked ["api-version"] false;
    AzureV1 "embeddings"  Post "/embeddings"       Embeddings  Body    Never   ["api-version"] false;
    AzureV1 "models.list" Get  "/models"           ModelsRead  Nowhere Never   ["api-version"] true;
    AzureV1 "models.get"  Get  "/models/{model}"   ModelsRead  Path    Never   ["api-version"] false;
}

/// The rows of one surface.
pub(super) fn of(surface: Surface) -> &'static [Endpoint] {
    let from = ALL.partition_point(|endpoint| endpoint.surface < surface);
    let to = ALL.partition_point(|endpoint| endpoint.surface <= surface);
    ALL.get(from..to).unwrap_or(&[])
}
