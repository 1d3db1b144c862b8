/* Write a plugin for llmhost in C.
 *
 * A loss is traced once into a small program of tensor operations, which the
 * host runs at every training step; so a loss never sees a number, it only says
 * what is to be computed. rrhf.c is a whole plugin.
 *
 * Include this file in the one file of the plugin, and define
 *
 *     const lh_plugin llmhost_plugin = { … };
 *
 * in it. What crosses to the host is described in sdk/README.md of llmhost.
 * Nothing of the C library is needed. Operations stand in ops.h.
 */
#ifndef LLMHOST_PLUGIN_H
#define LLMHOST_PLUGIN_H

#include <stdint.h>

/* A text and its length in bytes. Where a function takes LH_TEXT(s), s may be a
 * string literal as well. */
typedef struct {
    const char *at;
    uint32_t size;
} lh_text;

/* A value of a trace: the result of an operation, or one of the inputs below. */
typedef struct {
    uint32_t id;
} lh_t;

/* ---- parameters: declared once, with default, range and doc ---- */

typedef enum { LH_TYPE_FLOAT, LH_TYPE_INT, LH_TYPE_BOOL, LH_TYPE_STRING } lh_type;

typedef struct {
    const char *name;
    lh_type type;
    double number;    /* the default, but for texts */
    const char *text; /* the default of a text */
    const char *doc;  /* one line */
    struct {
        int set;
        double value;
    } min, max;
    const char *choices; /* of a text: "mean|paper_sum"; 0 where every text will do */
    const char *values;  /* of a text without choices: some that it takes, "a|b"; 0 for none */
    const char *aliases; /* names that other programs give it, "a|b"; 0 for none */
} lh_param;

/* LH_FLOAT("margin", 0.5, "gap wanted for every pair", LH_MIN(0)) */
#define LH_FLOAT(NAME, DEFAULT, ...) {.name = NAME, .type = LH_TYPE_FLOAT, .number = DEFAULT, .doc = __VA_ARGS__}
#define LH_INT(NAME, DEFAULT, ...) {.name = NAME, .type = LH_TYPE_INT, .number = DEFAULT, .doc = __VA_ARGS__}
#define LH_BOOL(NAME, DEFAULT, ...) {.name = NAME, .type = LH_TYPE_BOOL, .number = DEFAULT, .doc = __VA_ARGS__}
#define LH_STRING(NAME, DEFAULT, ...) {.name = NAME, .type = LH_TYPE_STRING, .text = DEFAULT, .doc = __VA_ARGS__}
#define LH_MIN(V) .min = {1, V}
#define LH_MAX(V) .max = {1, V}
#define LH_CHOICES(LIST) .choices = LIST
#define LH_TAKES(LIST) .values = LIST
#define LH_ALIASES(LIST) .aliases = LIST

/* The value of a parameter of the component that is traced or formats. */
static double lh_number(const char *name); /* a float or an int */
static int lh_flag(const char *name);
static lh_text lh_string(const char *name);
static int lh_is(const char *name, const char *text); /* whether a string parameter is text */

/* ---- inputs of losses ---- */

/* Label tokens T are a row's learned tokens in their order; several learned spans may stand in one row. */
static lh_t lh_logps(void);                         /* f32 [B, K, T]: log-probability of each label token, 0 where there is no label */
static lh_t lh_ref_logps(void);                     /* f32 [B, K, T]: the same under the reference model */
static lh_t lh_rewards(void);                       /* f32 [B, K]: the reward of each candidate under the score head, 0 for a padding candidate */
static lh_t lh_reverse_kl(void);                    /* f32 [B, K, T]: KL(policy ‖ reference) over the vocabulary at each label token, 0 where there is none */
static lh_t lh_forward_kl(void);                    /* f32 [B, K, T]: KL(reference ‖ policy) */
static lh_t lh_vocab_mean_logps(void);              /* f32 [B, K, T]: mean over the vocabulary of the log-probabilities at each label token, 0 where there is none */
static lh_t lh_mismatched_logps(void);              /* f32 [B, K, U]: another example's answer after this prompt, 0 where there is no token; no gradient */
static lh_t lh_mismatched_ref_logps(void);          /* f32 [B, K, U]: the same under the reference model */
static lh_t lh_state(const char *name);             /* f32 []: a number that lasts from step to step; lh_state_update says how it changes */
static lh_t lh_label_mask(void);                    /* bool [B, K, T]: true where there is a label token */
static lh_t lh_real(void);                          /* bool [B, K]: false for a padding candidate */
static lh_t lh_column(const char *name);            /* f32 [B, K]: a data column with one number a candidate */
static lh_t lh_example_column(const char *name);    /* f32 [B]: a data column with one number an example */
static lh_t lh_logits(const char *head);            /* f32 [B, C_head]: logits of the classes of a head */
static lh_t lh_label(const char *head);             /* i64 [B]: the class of each example, -100 for none */

/* What a loss says of a column, once, which changes nothing of what is computed:
 *
 *     lh_t score = lh_values(lh_role(lh_column("score"), LH_SCORE), 1, 0.5, -1);
 *
 * A check feeds the loss with the values. */
#define LH_SCORE "score"   /* orders the candidates of an example: the higher, the better */
#define LH_WEIGHT "weight" /* scales the share of a record or candidate in the loss: 0 or more, 0 takes it out */
#define LH_REWARD "reward" /* a signed measure of how good an answer is, whose size and sign both count */
#define LH_MASK "mask"     /* 0 or 1: whether something takes part */
static lh_t lh_role(lh_t column, const char *role);
static lh_t lh_range(lh_t column, double min, double max); /* what its numbers lie between, both included */
static lh_t lh_say_values(lh_t column, const double *values, uint32_t count);
#define LH_VALUES(...) (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double)
#define lh_values(COLUMN, ...) lh_say_values(COLUMN, LH_VALUES(__VA_ARGS__))

/* ---- inputs of poolings ---- */

static lh_t lh_hidden(void); /* f32 [P, H]: hidden states of every stored token */
static lh_t lh_token(void);  /* i64 [M]: each sequence's tokens in order, as indices into hidden */
static lh_t lh_sequence(void); /* i64 [M]: the sequence that each entry of token belongs to, ascending from 0 */
static lh_t lh_ids(void);    /* i64 [M]: their token ids */
static lh_t lh_eos(void);    /* i64 []: the id of the end token, -1 where there is none */

/* ---- what a trace yields ---- */

/* A term: loss += coefficient * (sum of sums / sum of counts), over the whole
 * optimizer step. Both are f32 scalars over the batch; the count depends on data
 * alone. LH_PLAIN as count makes it a plain sum. */
static void lh_term(const char *name, lh_t sum, lh_t count, double coefficient);
static void lh_metric(const char *name, lh_t sum, lh_t count);     /* reported as sum / count over all batches */
static void lh_exp_metric(const char *name, lh_t sum, lh_t count); /* as exp(sum / count): a perplexity */
/* A state begins as initial, and after each optimizer step it becomes update, an
 * f32 scalar of lh_state and lh_global_mean alone. */
static void lh_state_update(const char *name, double initial, lh_t update);
static void lh_output(lh_t x);                                     /* of a pooling: f32 [N, H] */
#define LH_PLAIN ((lh_t){0})

/* A check of `llmhost plugins check` that would find fault with what is meant,
 * and why: of a loss or pooling, and where a formatter declares. */
static void lh_allow(const char *check, const char *why);

/* Of a pooling that takes the state of each sequence's last token as it is, as
 * transformers' ...ForSequenceClassification do. */
static void lh_pools_last_token(void);

/* ---- rows of a formatter, by the index of a field; what is absent reads as empty or 0 ---- */

static int lh_has(int field);         /* whether the record has the field */
static lh_text lh_str(int field);     /* a string, or the text of a JSON column */
static double lh_float(int field);
static int64_t lh_int(int field);     /* an int, or a bool as 0 or 1 */
static uint32_t lh_length(int field); /* entries of a list */
static lh_text lh_str_at(int field, uint32_t i);
static double lh_float_at(int field, uint32_t i);

/* ---- values of a JSON column; what is absent or of another type reads as empty or 0 ---- */

typedef struct {
    const char *at, *end; /* at is 0 where there is no value */
} lh_json;

static lh_json lh_json_of(int field);                         /* the value of the field */
static lh_json lh_json_get(lh_json object, const char *key);  /* the value of a key */
static lh_json lh_json_first(lh_json list);                   /* for (lh_json x = lh_json_first(list); x.at; x = lh_json_next(x)) */
static lh_json lh_json_next(lh_json item);
static char lh_json_type(lh_json v);                          /* { [ " 0 (a number) t f n, or 0 where there is none */
static lh_text lh_json_text(lh_json v);
static double lh_json_number(lh_json v);

/* ---- what a formatter makes of a row ---- */

static void lh_candidate(void);                        /* begins a candidate: a prompt and one answer */
static void lh_prompt_add(lh_text piece);              /* adds to the candidate's prompt */
static void lh_answer_add(lh_text piece);              /* adds to its answer */
static void lh_set(const char *name, double v);         /* a column of the candidate; all candidates have the same */
static void lh_example_set(const char *name, double v); /* a column of the whole example */
static void lh_label_put(const char *head, lh_text class); /* the class of the example under a classification head, as the data calls it */
static void lh_drop(const char *reason);               /* leaves the row out; the host counts by reason */
static void lh_bad(const char *what);                  /* makes the row a bad one */
#define lh_prompt(S) lh_prompt_add(LH_TEXT(S))
#define lh_answer(S) lh_answer_add(LH_TEXT(S))
#define lh_example_label(HEAD, S) lh_label_put(HEAD, LH_TEXT(S))

/* ---- a candidate that is a chat, which the host lays out by the model's chat template ---- */

enum { LH_PROMPT_SIDE = 1, LH_ANSWER_SIDE };                     /* what is given, and what the model would say */
enum { LH_LEARN_DEFAULT, LH_LEARN_YES, LH_LEARN_NO };            /* whether a message is learned: as the run says, or so */
static void lh_chat(void);                                       /* begins it; all candidates of an example are chats, or none is */
static void lh_turn(int side, lh_text role, lh_text content);    /* adds a message */
static void lh_turn_of(int side, lh_json message);               /* one of a record; its train or weight becomes its learn */
static void lh_with_json(const char *key, lh_text value, int quoted); /* adds a key to the message that was added last */
static void lh_learn(int learn);                                 /* of the message that was added last */
static void lh_beside(int part, lh_text json);                   /* what accompanies the messages */
static lh_text lh_json_raw(lh_json v);                           /* the JSON of a value as it stands */
#define lh_prompt_message(ROLE, CONTENT) lh_turn(LH_PROMPT_SIDE, LH_TEXT(ROLE), LH_TEXT(CONTENT))
#define lh_answer_message(ROLE, CONTENT) lh_turn(LH_ANSWER_SIDE, LH_TEXT(ROLE), LH_TEXT(CONTENT))
#define lh_prompt_json(MESSAGE) lh_turn_of(LH_PROMPT_SIDE, MESSAGE)
#define lh_answer_json(MESSAGE) lh_turn_of(LH_ANSWER_SIDE, MESSAGE)
#define lh_with(KEY, JSON) lh_with_json(KEY, LH_TEXT(JSON), 0)
#define lh_with_text(KEY, TEXT) lh_with_json(KEY, LH_TEXT(TEXT), 1)
#define lh_tools(JSON) lh_beside(0, LH_TEXT(JSON))     /* an array */
#define lh_documents(JSON) lh_beside(1, LH_TEXT(JSON)) /* an array */
#define lh_args(JSON) lh_beside(2, LH_TEXT(JSON))      /* an object: further variables of the template */

/* ---- what a formatter declares, in its function declare ---- */

static void lh_gives(const char *name, const char *role, double padding); /* a column of candidates: role LH_SCORE … or 0; padding is its value
                                                                              for a padding candidate, 0: as the role has it */
static void lh_gives_example(const char *name, const char *role);         /* a column of the example */
static void lh_gives_label(const char *head);                             /* the class under a head */
static void lh_gives_nothing(void);                                       /* neither columns nor labels */
static void lh_field_role(int field, const char *role);                   /* of a number, or of each number of a list */
static void lh_say_examples(int field, const char *const *examples, uint32_t count);
/* Values of a field as they stand in a record, each as JSON; null where it is
 * absent. The first ones of all fields make a record together, and so do the
 * second ones: lh_examples(0, "\"Why?\"", "null"). */
#define lh_examples(FIELD, ...) \
    lh_say_examples(FIELD, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- the plugin ---- */

typedef enum { LH_LOSS, LH_POOLING, LH_FORMATTER } lh_kind;
typedef enum { LH_IS_STRING = 1, LH_IS_FLOAT, LH_IS_BOOL, LH_IS_INT, LH_IS_STRING_LIST, LH_IS_FLOAT_LIST, LH_IS_JSON } lh_field_type;

typedef struct {
    const char *name; /* of the record's field; "$text_name" is what the string parameter text_name says */
    lh_field_type type;
    int required; /* a record without it never reaches format */
    const char *doc;
} lh_field;

typedef struct {
    lh_kind kind;
    const char *name, *doc;
    const lh_param *params; /* LH_PARAMS(…), or 0 */
    void (*trace)(void);    /* of a loss: calls lh_term; of a pooling: lh_output */
    const lh_field *fields; /* of a formatter, which it reads by their index: LH_FIELDS(…) */
    void (*format)(void);   /* of a formatter: one row */
    void (*declare)(void);  /* of a formatter: what it gives, or 0 */
} lh_component;

#define LH_LM_HEAD "lm"         /* gives log-probabilities of tokens */
#define LH_SCORE_HEAD "score"   /* gives each candidate a reward */
#define LH_CLASS_HEAD "classes" /* gives each example the logits of classes, by name */

typedef struct {
    const char *name, *doc;
    const char *formatter, *pooling, *loss; /* a component of this plugin, "builtin:NAME", or 0 */
    const char *head;                       /* one that the loss reads; LH_LM_HEAD where it is 0 */
    const char *aliases;                    /* other names that it answers to: "old|older"; 0 for none */
    const char *defaults;                   /* settings to start from, as JSON: "{\"max_length\":128}"; 0 for none */
} lh_task;

typedef struct {
    const char *name, *version, *doc;
    const lh_component *components; /* LH_COMPONENTS(…) */
    const lh_task *tasks;           /* LH_TASKS(…), or 0 */
} lh_plugin;

#define LH_PARAMS(...) ((const lh_param[]){__VA_ARGS__, {0}})
#define LH_FIELDS(...) ((const lh_field[]){__VA_ARGS__, {0}})
#define LH_COMPONENTS(...) ((const lh_component[]){__VA_ARGS__, {0}})
#define LH_TASKS(...) ((const lh_task[]){__VA_ARGS__, {0}})

extern const lh_plugin llmhost_plugin;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* no plugin uses everything */
#include "memory.h"
#include "number.h"
#include "json.h"
#include "graph.h"
#include "ops.h"
#include "rows.h"
#include "declare.h"
#include "jsoncolumn.h"
#include "chat.h"
#include "describe.h"
#include "configure.h"
#include "serve.h"
#include "testing.h"

#endif
