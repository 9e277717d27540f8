//! What a project may do, as words: `chat`, `files:read`, `admin:write`.
//!
//! A family is a part of the providers' APIs. Where it can be read as well as changed it has two scopes, and
//! its bare name stands for both; else its name is its one scope.

/// Whether a scope lets somebody look or change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// It only looks.
    Read,
    /// It makes, changes, removes or spends.
    Write,
}

macro_rules! families {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $split:literal;)*) => {
        /// A part of the providers' APIs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Family {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Family {
            /// Every family.
            pub const ALL: &[Family] = &[$(Self::$variant),*];

            /// Its word in the configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it is, in a few words.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)*
                }
            }

            /// Whether looking and changing are two scopes.
            #[must_use]
            pub const fn is_split(self) -> bool {
                match self {
                    $(Self::$variant => $split,)*
                }
            }

            const fn scope_names(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant => (concat!($name, ":read"), concat!($name, ":write")),)*
                }
            }
        }
    };
}

families! {
    /// Chat in every dialect: chat completions, messages, generateContent, Converse.
    Chat "chat" false;
    /// Plain text completions.
    Completions "completions" false;
    /// OpenAI's Responses, Gemini's Interactions.
    Responses "responses" true;
    /// Chat completions that the provider has kept.
    StoredCompletions "stored_completions" true;
    /// Conversations that the provider keeps.
    Conversations "conversations" true;
    /// Embeddings.
    Embeddings "embeddings" false;
    /// Moderation verdicts and guardrails.
    Moderations "moderations" false;
    /// Classifications.
    Classify "classify" false;
    /// Decisions.
    Decisions "decisions" false;
    /// Reranking and scoring.
    Rerank "rerank" false;
    /// Search of the web.
    Search "search" false;
    /// Reading documents.
    Ocr "ocr" false;
    /// Speech and transcription.
    Audio "audio" false;
    /// Voices that can be used for speech.
    Voices "voices" true;
    /// Images.
    Images "images" false;
    /// Videos.
    Videos "videos" true;
    /// Live speech: Realtime, Gemini Live.
    Realtime "realtime" false;
    /// OpenAI's live sessions.
    Live "live" false;
    /// Counting tokens without generating any.
    Tokens "tokens" false;
    /// The lists of models; changing them removes fine-tuned ones.
    Models "models" true;
    /// Files.
    Files "files" true;
    /// Batches of requests.
    Batches "batches" true;
    /// Fine-tuning.
    FineTuning "fine_tuning" true;
    /// Vector stores and file search stores.
    VectorStores "vector_stores" true;
    /// Assistants, threads and runs.
    Assistants "assistants" true;
    /// Containers for code.
    Containers "containers" true;
    /// Evaluations.
    Evals "evals" true;
    /// Skills.
    Skills "skills" true;
    /// Sessions and threads of OpenAI's chats in web pages.
    Chatkit "chatkit" true;
    /// Agents with their sessions, environments, vaults and memory.
    Agents "agents" true;
    /// Webhooks.
    Webhooks "webhooks" true;
    /// Safety cases and provenance.
    Safety "safety" true;
    /// Caches of prompts.
    Caches "caches" true;
    /// Profiles of end users.
    UserProfiles "user_profiles" true;
    /// Tunnels into a network.
    Tunnels "tunnels" true;
    /// Libraries of documents.
    Libraries "libraries" true;
    /// Connectors to other services.
    Connectors "connectors" true;
    /// Workflows.
    Workflows "workflows" true;
    /// Traces and judges that the provider keeps.
    Observability "observability" true;
    /// Prompts that the provider keeps.
    Prompts "prompts" true;
    /// Datasets.
    Datasets "datasets" true;
    /// What a key may do and what is left of its credit.
    Account "account" true;
    /// Administration: organizations, people, keys, clusters, servers. Never part of `"*"`.
    Admin "admin" true;
    /// Whatever is in no table. Never part of `"*"`.
    Passthrough "passthrough" false;
}

const _: () = assert!(Family::ALL.len() <= 64, "a ScopeSet has two bits for each family");

/// What an endpoint asks of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The part of the API.
    pub family: Family,
    /// Looking or changing; of a family with one scope, changing.
    pub access: Access,
}

impl Scope {
    /// The scope of a family with this access.
    #[must_use]
    pub const fn of(family: Family, access: Access) -> Self {
        Self { family, access: if family.is_split() { access } else { Access::Write } }
    }

    /// Every scope, family by family.
    pub fn all() -> impl Iterator<Item = Self> {
        Family::ALL.iter().flat_map(|family| {
            let both = [Access::Read, Access::Write].map(|access| Self { family: *family, access });
            both.into_iter().filter(|scope| scope.family.is_split() || scope.access == Access::Write)
        })
    }

    /// The scope with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::all().find(|scope| scope.name() == word)
    }

    /// The word in the configuration and the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.family.is_split(), self.access) {
            (false, _) => self.family.name(),
            (true, Access::Read) => self.family.scope_names().0,
            (true, Access::Write) => self.family.scope_names().1,
        }
    }

    const fn bit(self) -> u128 {
        1 << (2 * self.family as u32 + self.access as u32)
    }
}

/// A set of scopes; an empty one allows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u128);

impl ScopeSet {
    /// What `"*"` stands for: every scope but those of administration and of passing unknown paths through.
    #[must_use]
    pub fn usual() -> Self {
        Scope::all().filter(|scope| !matches!(scope.family, Family::Admin | Family::Passthrough)).collect()
    }

    /// The scopes that a word of the configuration stands for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        if word == "*" {
            return Some(Self::usual());
        }
        let of_family: Self = Scope::all().filter(|scope| scope.family.name() == word).collect();
        if of_family.is_empty() {
            Scope::named(word).map(|one| [one].into_iter().collect())
        } else {
            Some(of_family)
        }
    }

    /// Every word that [`ScopeSet::named`] takes, but `"*"`.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Family::ALL.iter().flat_map(|family| {
            let scopes = Scope::all().filter(|scope| scope.family == *family && family.is_split());
            std::iter::once(family.name()).chain(scopes.map(Scope::name))
        })
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether all of the other set is in this one.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The scopes in the set, family by family.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::all().filter(move |scope| self.contains(*scope))
    }

    /// The fewest words that stand for the set.
    #[must_use]
    pub fn shortest(self) -> Vec<&'static str> {
        let (usual, mut words) = (Self::usual(), Vec::new());
        let starred = self.contains_all(usual);
        if starred {
            words.push("*");
        }
        let rest = |family: &&Family| !starred || matches!(family, Family::Admin | Family::Passthrough);
        for family in Family::ALL.iter().filter(rest) {
            let whole: Self = Scope::all().filter(|scope| scope.family == *family).collect();
            if self.contains_all(whole) {
                words.push(family.name());
            } else {
                words.extend(self.and(whole).iter().map(Scope::name));
            }
        }
        words
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_stands_for_both_of_its_scopes() {
        let files = ScopeSet::named("files").unwrap();
        assert_eq!(files.iter().map(Scope::name).collect::<Vec<_>>(), ["files:read", "files:write"]);
        assert_eq!(ScopeSet::named("files:read").unwrap().shortest(), ["files:read"]);
        assert_eq!(files.shortest(), ["files"]);
        for word in ["chat:write", "file", "files:", "FILES", "", "files:all"] {
            assert_eq!(ScopeSet::named(word), None, "{word}");
        }
    }

    #[test]
    fn every_word_is_read_and_the_star_leaves_out_what_it_must() {
        for word in ScopeSet::words() {
            assert!(ScopeSet::named(word).is_some_and(|set| !set.is_empty()), "{word}");
        }
        let star = ScopeSet::named("*").unwrap();
        for out in ["admin", "admin:read", "admin:write", "passthrough"] {
            assert!(star.and(ScopeSet::named(out).unwrap()).is_empty(), "{out}");
        }
        assert!(star.contains(Scope::named("chat").unwrap()));
        assert_eq!(star.shortest(), ["*"]);
        let more = star.or(ScopeSet::named("passthrough").unwrap());
        assert_eq!(more.shortest(), ["*", "passthrough"]);
    }
}
