/*
 * RTP streams and UDP flows of a capture, in one pass over its bytes.
 *
 * The figures are those of rtp_state.py, rtp_numbers.py, rtp_times.py, rtp_sample.py, stream_seconds.py,
 * loss_pattern.py, flows.py and plain_frames.py, which say what they mean; names are theirs. Floating point
 * follows them operation by operation, so build with -ffp-contract=off.
 *
 * The bytes come from anybody: nothing is read beyond what was given, and no table grows beyond its limit.
 */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_VERSION 1
#define HOT __attribute__((always_inline))
#define COLD __attribute__((noinline))
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__)
#define FAST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FAST
#endif

enum {
    CLOCKS = 5, LANES = 8, AT_ONCE = 4, /* those of the clocks, and some to spare */
    MIN_PACKETS = 10, MAX_STREAMS = 4096, MAX_ON_PROBATION = 4096,
    FIRST_HEADER_BYTES = 32, MAX_PROFILES = 16, OTHER_PROFILE = 1 << 16, NO_EXTENSION = -1,
    MAX_JUMP = 3000, MAX_MISORDER = 100, GMIN_PACKETS = 16, ESTABLISHED = 16,
    WINDOW = 1 << 16, HALF_WINDOW = WINDOW / 2, STRIDE = HALF_WINDOW / 2,
    WINDOW_BYTES = WINDOW / 8, WINDOW_MASK = WINDOW_BYTES - 1,
    MAX_FLOWS = 1 << 16, FIRST_STREAM_SLOTS = 1 << 8, PROBATION_SLOTS = 1 << 13, FLOW_SLOTS = 1 << 17,
    LOOK_AHEAD = 128, RECENT_BITS = 14, FEW_STREAMS = 64, /* so many stay in the cache anyway */
    WAITING = 32, /* packets whose streams are fetched from memory meanwhile */
    MAX_FRAME_BYTES = 1 << 18, MAX_BLOCK_BYTES = 1 << 20,
    MAX_EVENTS = 1 << 12, NOBODY = -1,
    UDP = 17, TCP = 6, IPV4 = 0x0800, IPV6 = 0x86DD,
};

static const struct {
    int32_t streams, rows, sample;
} LIMITS[] = {{16, 1024, 512}, {256, 1024, 256}, {MAX_STREAMS, 256, 128}};
static const double TICK_MS[LANES] = {1000.0 / 8000, 1000.0 / 16000, 1000.0 / 32000, 1000.0 / 48000,
                                       1000.0 / 90000};
static const int64_t SILENCE_TICKS[CLOCKS] = {1600, 3200, 6400, 9600, 18000};
static const int64_t SECOND_NS = 1000000000;
static const int64_t TIME_LIMIT_NS = (int64_t)1 << 62;
static const int64_t MAX_ELAPSED_NS = ((int64_t)1 << 62) - 1;
static const int64_t NO_STEP = (int64_t)1 << 40;
static const int64_t NEVER = -((int64_t)1 << 40);
static const uint32_t SAMPLE_FACTOR = 0x9E3779B1u;

typedef double lanes __attribute__((vector_size(AT_ONCE * sizeof(double))));
typedef int64_t mask_lanes __attribute__((vector_size(AT_ONCE * sizeof(int64_t))));

/* Who sends what to whom. */
typedef struct {
    uint64_t address[4]; /* source and destination, 8 or 32 bytes, as on the wire; zeros behind */
    uint64_t ends;       /* source port << 48 | destination port << 32 | ssrc */
    int64_t address_bytes;
} who_t;

typedef struct {
    int64_t epoch_ns;
    uint32_t timestamp;
    int32_t size;
    uint32_t kind; /* extension profile, plus one, << 8 | marker and payload type */
    uint16_t sequence;
} packet_t;

typedef struct {
    int64_t number, received, lost;
    uint32_t jitter_us[CLOCKS];
    uint32_t unused;
} row_t;

typedef struct {
    int64_t number, elapsed_ns, ticks, size, step, gap_ns;
} sampled_t;

typedef struct {
    int64_t total, runs, run, run_max, bursts, packets, missing, first_burst_at, end, first, last, count;
} losses_t;

/* The figures of a stream that are read from outside: kernel.py mirrors this layout. */
typedef struct {
    uint8_t address[32];
    int32_t address_bytes, source_port, destination_port;
    uint32_t ssrc;
    uint8_t first_header[FIRST_HEADER_BYTES];
    int64_t first_header_bytes;
    int64_t packets, strays, bytes, size_min, size_max, first_ns, last_ns, max_gap_ns, markers, grid_ns;
    int64_t segments, unique, expected, reordered, late, orderly;
    losses_t losses;
    int64_t elapsed_ns, ticks, differences, neighbours, still;
    double jitter[CLOCKS], jitter_sum[CLOCKS], jitter_max[CLOCKS];
    int64_t silences[CLOCKS];
    int64_t payload_types[128];
    int64_t n_profiles, profiles[MAX_PROFILES + 1], profile_packets[MAX_PROFILES + 1];
    int64_t n_sampled;
    const sampled_t *sample;
    int64_t seconds_each, n_rows;
    const row_t *rows;
} totals_t;

/* What every packet touches comes first, within six lines of cache. */
typedef struct {
    who_t key;
    uint32_t kind; /* of the packet before */
    int32_t is_holding; /* a packet far from the others */
    int64_t kind_packets; /* in a row, not yet in the tables below */
    double jitter[LANES], jitter_sum[LANES], jitter_max[LANES];
    int64_t bytes, odd16, previous_ns, max_gap_ns, highest, previous, foreseen, followed, still, ticks;
    int64_t second_start_ns;
    uint32_t timestamp, sample_last; /* wanted: a hash up to this */
    int32_t size_min, size_max;

    int64_t second_bytes[256]; /* packets by marker and payload type */
    int64_t profile_packets[MAX_PROFILES + 2]; /* none counts as one */
    int32_t profiles[MAX_PROFILES + 2];
    int32_t n_profiles, flow, n_sampled, sample_limit, n_rows, rows_limit, rows_room, current_row, ended;
    sampled_t *sample;
    row_t *rows;
    packet_t held;
    int64_t first_ns, last_ns; /* the latest before previous_ns, where times go back */
    int64_t arrival_ns;        /* while a packet is held: of the one before it */
    int64_t segments, copies, late, reordered, orderly, others; /* others: no neighbours; orderly ones of them */
    int64_t strays, expected_before, start, lowest, marked, start_ticks, start_ns, grid_ns, seconds_each;
    int64_t settle_at; /* the window has no room for this number */
    int64_t highest_ticks; /* of the highest number, unless it is that of the packet before */
    uint32_t highest_timestamp;
    int32_t has_second, out_of_memory;
    int64_t row_start, row_copies, row_lost; /* of the second that is not yet in its row */
    int64_t silences[CLOCKS];
    int64_t settled_packets, settled_bytes, settled_odd16; /* those that were counted in the flow before */
    losses_t losses;
    uint64_t hash;
    uint8_t first_header[FIRST_HEADER_BYTES];
    int32_t first_header_bytes;
    uint8_t window[WINDOW_BYTES]; /* above marked, up to the highest, all came */
} stream_t;

enum { HOT_BYTES = 384 };
_Static_assert(offsetof(stream_t, second_bytes) <= HOT_BYTES, "what every packet touches");

/* A packet of RTP that is not yet in the figures of its stream. */
typedef struct {
    stream_t *stream;
    packet_t packet;
} waiting_t;

/* A packet of RTP whose stream is to be found. */
typedef struct {
    packet_t packet;
    who_t key;
    uint64_t hash;
    const uint8_t *payload;
    int64_t captured;
} stranger_t;

typedef struct {
    who_t key;
    uint64_t hash;
    int32_t older, younger, next, count, first_header_bytes;
    uint8_t first_header[FIRST_HEADER_BYTES];
    packet_t packets[MIN_PACKETS];
} candidate_t;

/* kernel.py mirrors this layout. */
typedef struct {
    uint8_t address[32];
    int32_t address_bytes, source_port, destination_port, unused;
    int64_t packets, bytes, first_ns, last_ns, size_min, size_max, odd16, rtp_candidates;
} flow_t;

/* kernel.py mirrors this layout: a packet that is handed on. */
typedef struct {
    int64_t epoch_ns, frame;
    int32_t protocol, addresses_at, address_bytes, start, captured, size, source_port, destination_port;
    uint32_t sequence;
    int32_t flags;
} event_t;

/* kernel.py mirrors this layout: where frames come from. */
typedef struct {
    int32_t link_type;
    int32_t readable; /* 0: its times are reckoned outside */
    uint64_t ticks_per_s;
    int64_t offset_ns;
    int64_t frames; /* counted here */
} interface_t;

enum { MORE, EVENTS, FRAME, BLOCK, BROKEN };

/* kernel.py mirrors this layout: what one call says. */
typedef struct {
    int64_t consumed;
    int32_t reason, n_events;
    /* of FRAME: a frame that is not plain, or not readable */
    int64_t frame, epoch_ns, ticks;
    int32_t interface, readable, start, captured;
    int64_t wire_size;
} outcome_t;

typedef struct {
    uint64_t hash;
    stream_t *stream;
} stream_slot_t;

typedef struct kernel {
    uint64_t seed[4];
    int32_t n_streams, n_candidates, n_flows, flows_room, oldest, youngest, free_candidate;
    int32_t has_times, out_of_memory;
    int64_t frames, udp_datagrams, origin_ns, first_ns, last_ns, previous_ns;
    int64_t stream_packets_left_out, flow_packets_left_out;
    uint32_t tunnels[(1 << 16) / 32]; /* a bit for each port that carries packets within */
    flow_t *flows;
    candidate_t *candidates;
    stream_t *streams[MAX_STREAMS];
    stream_slot_t *stream_slots;
    uint64_t stream_mask;
    int32_t n_waiting;
    waiting_t waiting[WAITING];
    stream_t *recent[1 << RECENT_BITS]; /* by a hash of ports and ssrc; none whose ports are a tunnel's */
    int32_t candidate_slots[PROBATION_SLOTS];
    int32_t flow_slots[FLOW_SLOTS];
    event_t events[MAX_EVENTS];
} kernel_t;

/* ---- bytes ------------------------------------------------------------------------------------------- */

static inline uint32_t load16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

static inline uint32_t load32(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return __builtin_bswap32(value);
}

static inline uint64_t load64(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, 8);
    return __builtin_bswap64(value);
}

static inline uint32_t load32_as(const uint8_t *p, int big_endian) {
    uint32_t value;
    memcpy(&value, p, 4);
    return big_endian ? __builtin_bswap32(value) : value;
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static inline int64_t floor_divide(int64_t a, int64_t b) {
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t within_limit(int64_t epoch_ns) {
    return most(0, least(TIME_LIMIT_NS, epoch_ns));
}

/* Seeded, so that nobody can choose keys that meet. */
HOT static inline uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

HOT static inline uint64_t hash_key(const kernel_t *k, const who_t *key) {
    uint64_t hash = fold(key->address[0] ^ k->seed[0], key->ends ^ k->seed[1]);
    hash ^= fold(key->address[1] ^ k->seed[2], key->address[2] ^ k->seed[3]);
    return fold(hash ^ k->seed[1], key->address[3] ^ k->seed[0]);
}

HOT static inline int same_key(const who_t *a, const who_t *b) {
    uint64_t differ = (a->address[0] ^ b->address[0]) | (a->address[1] ^ b->address[1]) |
                      (a->address[2] ^ b->address[2]) | (a->address[3] ^ b->address[3]);
    return !(differ | (a->ends ^ b->ends) | (uint64_t)(a->address_bytes ^ b->address_bytes));
}

/* ---- losses ------------------------------------------------------------------------------------------ */

static void end_cluster(losses_t *l) {
    if (l->count < 2) return;
    if (!l->bursts) l->first_burst_at = l->first;
    l->bursts += 1;
    l->packets += l->last - l->first + 1;
    l->missing += l->count;
    l->end = l->last + 1;
}

static void lose(losses_t *l, int64_t position, int64_t count) {
    l->total += count;
    if (position == l->last + 1) {
        l->run += count;
    } else {
        l->runs += 1;
        l->run = count;
    }
    l->run_max = most(l->run_max, l->run);
    if (position - l->last > GMIN_PACKETS) {
        end_cluster(l);
        l->first = position;
        l->count = 0;
    }
    l->last = position + count - 1;
    l->count += count;
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

static inline int came(const stream_t *s, int64_t number) {
    return s->window[number >> 3 & WINDOW_MASK] >> (number & 7) & 1;
}

static void mark(stream_t *s, int64_t number) {
    s->window[number >> 3 & WINDOW_MASK] |= (uint8_t)(1u << (number & 7));
}

/* Write into the window that numbers in a row came, up to the highest. */
static void mark_run(stream_t *s) {
    int64_t number = s->marked + 1;
    while (number <= s->highest) {
        if (number & 7 || s->highest - number < 7) {
            mark(s, number);
            number += 1;
        } else {
            s->window[number >> 3 & WINDOW_MASK] = 0xFF;
            number += 8;
        }
    }
    s->marked = s->highest;
}

COLD static void clear(stream_t *s, int64_t start, int64_t end) {
    while (start < end) {
        if (start & 7 || end - start < 8) {
            s->window[start >> 3 & WINDOW_MASK] &= (uint8_t)~(1u << (start & 7));
            start += 1;
        } else {
            s->window[start >> 3 & WINDOW_MASK] = 0;
            start += 8;
        }
    }
}

COLD static void settle_below(stream_t *s, int64_t end) {
    int64_t start = s->settle_at - WINDOW;
    int64_t offset = s->expected_before - s->lowest, run = 0, number = start;
    for (; number < end; number++) {
        uint8_t byte = s->window[number >> 3 & WINDOW_MASK];
        if (!(number & 7) && end - number >= 8 && (byte == 0xFF || byte == 0)) {
            if (byte == 0) {
                run += 8;
            } else if (run) {
                lose(&s->losses, number - run + offset, run);
                run = 0;
            }
            number += 7;
        } else if (byte >> (number & 7) & 1) {
            if (run) lose(&s->losses, number - run + offset, run);
            run = 0;
        } else {
            run += 1;
        }
    }
    if (run) lose(&s->losses, number - run + offset, run);
    s->settle_at = end + WINDOW;
}

static void end_segment(stream_t *s) {
    mark_run(s);
    settle_below(s, s->highest + 1);
    s->expected_before += s->highest - s->lowest + 1;
}

COLD static void rise(stream_t *s, int64_t number) {
    while (number - s->highest > STRIDE) {
        rise(s, s->highest + STRIDE);
        clear(s, s->highest, s->highest + 1);
    }
    if (number >= s->settle_at) settle_below(s, number - HALF_WINDOW);
    clear(s, s->highest + 1, number);
    s->highest = number;
}


/* ---- times ------------------------------------------------------------------------------------------- */

static int room_for_rows(stream_t *s) {
    int32_t room = s->rows_room ? s->rows_room * 2 : 16;
    row_t *rows = realloc(s->rows, (size_t)room * sizeof(row_t));
    if (!rows) return 0;
    s->rows = rows;
    s->rows_room = room;
    return 1;
}

static void halve_rows(stream_t *s) {
    while (s->n_rows >= s->rows_limit) {
        int32_t kept = 0;
        s->seconds_each *= 2;
        for (int32_t i = 0; i < s->n_rows; i++) {
            row_t row = s->rows[i];
            row.number = floor_divide(row.number, 2);
            if (kept && s->rows[kept - 1].number == row.number) {
                row.received += s->rows[kept - 1].received;
                row.lost += s->rows[kept - 1].lost;
                s->rows[kept - 1] = row;
            } else {
                s->rows[kept++] = row;
            }
        }
        s->n_rows = kept;
    }
}

/* Make the row of a second the current one; without memory for it, note that and stay. */
COLD static void move_to(stream_t *s, int64_t second) {
    for (;;) {
        int64_t number = floor_divide(second, s->seconds_each);
        int32_t high = s->n_rows, low = high && s->rows[high - 1].number < number ? high : 0;
        while (low < high) {
            int32_t middle = (low + high) / 2;
            if (s->rows[middle].number < number)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < s->n_rows && s->rows[low].number == number) {
            s->current_row = low;
            return;
        }
        if (s->n_rows >= s->rows_limit) {
            halve_rows(s);
            continue;
        }
        if (s->n_rows >= s->rows_room && !room_for_rows(s)) {
            s->out_of_memory = 1;
            return;
        }
        memmove(s->rows + low + 1, s->rows + low, (size_t)(s->n_rows - low) * sizeof(row_t));
        memset(s->rows + low, 0, sizeof(row_t));
        s->rows[low].number = number;
        s->n_rows += 1;
        s->current_row = low;
        return;
    }
}

static void end_row(stream_t *s) {
    row_t *row = s->rows + s->current_row;
    if (!s->has_second) return;
    row->received += s->followed - s->row_start - s->row_copies;
    row->lost += s->row_lost;
    for (int i = 0; i < CLOCKS; i++) {
        double us = rint(s->jitter[i] * 1000.0);
        row->jitter_us[i] = us < 4294967295.0 ? (uint32_t)us : 4294967295u;
    }
    s->row_start = s->followed;
    s->row_copies = s->row_lost = 0;
}

COLD static void change_second(stream_t *s, int64_t epoch_ns) {
    int64_t second = floor_divide(epoch_ns - s->grid_ns, SECOND_NS);
    end_row(s);
    move_to(s, second);
    s->second_start_ns = s->grid_ns + second * SECOND_NS;
    s->has_second = 1;
}

HOT static inline void enter_second(stream_t *s, int64_t epoch_ns) {
    if ((uint64_t)epoch_ns - (uint64_t)s->second_start_ns >= (uint64_t)SECOND_NS) change_second(s, epoch_ns);
}

COLD static void thin_out(stream_t *s) {
    int32_t kept = 0;
    s->sample_last >>= 1;
    for (int32_t i = 0; i < s->n_sampled; i++)
        if ((uint32_t)s->sample[i].number * SAMPLE_FACTOR <= s->sample_last) s->sample[kept++] = s->sample[i];
    s->n_sampled = kept;
}

HOT static inline void keep(stream_t *s, int64_t epoch_ns, int64_t size, int64_t step, int64_t gap_ns) {
    if ((uint32_t)s->followed * SAMPLE_FACTOR <= s->sample_last) {
        s->sample[s->n_sampled++] = (sampled_t){s->followed, epoch_ns - s->start_ns, s->ticks, size, step, gap_ns};
        while (s->n_sampled > s->sample_limit) thin_out(s);
    }
    s->followed += 1;
}

/* Move the jitter of every clock. */
HOT static inline void vary(stream_t *s, int64_t gap_ns, int64_t ticks) {
    double gap_ms = (double)gap_ns * 1e-6, stamp = (double)ticks;
    for (int i = 0; i < LANES; i += AT_ONCE) {
        lanes jitter, sum, highest, tick_ms;
        memcpy(&jitter, s->jitter + i, sizeof jitter);
        memcpy(&sum, s->jitter_sum + i, sizeof sum);
        memcpy(&highest, s->jitter_max + i, sizeof highest);
        memcpy(&tick_ms, TICK_MS + i, sizeof tick_ms);
        lanes difference = (lanes)((mask_lanes)(gap_ms - stamp * tick_ms) & INT64_MAX);
        jitter += (difference - jitter) * 0.0625;
        sum += jitter;
        mask_lanes above = jitter > highest;
        highest = (lanes)(((mask_lanes)jitter & above) | ((mask_lanes)highest & ~above));
        memcpy(s->jitter + i, &jitter, sizeof jitter);
        memcpy(s->jitter_sum + i, &sum, sizeof sum);
        memcpy(s->jitter_max + i, &highest, sizeof highest);
    }
}

/* Say whether stamps rose in proportion to numbers. */
static int went_on(const stream_t *s, int64_t numbers, uint32_t timestamp) {
    int is_previous = s->previous == s->highest;
    int64_t numbers_before = s->highest - s->start;
    int64_t before = (is_previous ? s->ticks : s->highest_ticks) - s->start_ticks;
    int64_t ticks = (int32_t)(timestamp - (is_previous ? s->timestamp : s->highest_timestamp));
    if (numbers_before < ESTABLISHED || before <= 0 || ticks <= 0) return 0;
    __int128 expected = (__int128)before * numbers, found = (__int128)ticks * numbers_before;
    return expected <= 2 * found && found <= 2 * expected;
}

/* ---- a stream ---------------------------------------------------------------------------------------- */

COLD static void begin(stream_t *s, packet_t p, int64_t arrival_ns) {
    if (s->segments) {
        int64_t elapsed_ns = arrival_ns - s->start_ns;
        end_segment(s);
        memset(s->window, 0, WINDOW_BYTES);
        s->start_ns = p.epoch_ns - most(-MAX_ELAPSED_NS, least(MAX_ELAPSED_NS, elapsed_ns));
    } else {
        s->start_ns = p.epoch_ns;
    }
    s->segments += 1;
    s->start = s->highest = s->lowest = s->previous = s->marked = p.sequence;
    s->settle_at = s->lowest + WINDOW;
    mark(s, p.sequence);
    enter_second(s, p.epoch_ns);
    s->timestamp = p.timestamp;
    s->start_ticks = s->ticks;
    keep(s, p.epoch_ns, p.size, NO_STEP, 0);
}

/* Place a number that does not simply follow the highest. */
COLD static void place(stream_t *s, int64_t number, int64_t step) {
    int64_t lost = number - s->highest - 1;
    mark_run(s);
    if (s->previous == s->highest) {
        s->highest_ticks = s->ticks;
        s->highest_timestamp = s->timestamp;
    }
    s->others += step != 1;
    s->reordered += step < 0;
    s->orderly += (1 < step && step <= MAX_JUMP) || (-MAX_MISORDER <= step && step < 0);
    if (lost >= 0) {
        rise(s, number);
    } else if (came(s, number)) {
        s->copies += 1;
        s->row_copies += 1;
        return;
    } else {
        s->late += 1;
        lost = -1;
        if (number < s->lowest) {
            lost = s->lowest - number - 1;
            s->lowest = number;
            s->settle_at = number + WINDOW;
        }
    }
    mark(s, number);
    s->marked = s->highest;
    s->row_lost += lost;
}

/* Take the times of a packet that follows another. */
HOT static inline void follow(stream_t *s, packet_t p, int64_t arrival_ns, int is_neighbour) {
    int64_t gap_ns = p.epoch_ns - arrival_ns, ticks = (int32_t)(p.timestamp - s->timestamp);
    s->timestamp = p.timestamp;
    s->ticks += ticks;
    vary(s, gap_ns, ticks);
    if (is_neighbour) {
        s->still += ticks == 0;
        if (ticks >= SILENCE_TICKS[0])
            for (int i = 0; i < CLOCKS; i++) s->silences[i] += ticks >= SILENCE_TICKS[i];
    }
    keep(s, p.epoch_ns, p.size, is_neighbour ? ticks : NO_STEP, gap_ns);
}

COLD static void place_and_follow(stream_t *s, packet_t p, int64_t number, int64_t arrival_ns) {
    int64_t step = number - s->previous;
    enter_second(s, p.epoch_ns);
    place(s, number, step);
    s->previous = number;
    follow(s, p, arrival_ns, step == 1);
}

COLD static void jump(stream_t *s, packet_t p, int64_t arrival_ns) {
    int64_t forward = (uint16_t)(p.sequence - (uint64_t)s->highest);
    if (went_on(s, forward, p.timestamp))
        place_and_follow(s, p, s->highest + forward, arrival_ns);
    else
        begin(s, p, arrival_ns);
}

static void count_profile(stream_t *s, int32_t profile, int64_t packets) {
    for (int round = 0; round < 2; round++) {
        int32_t n_real = 0;
        for (int32_t i = 0; i < s->n_profiles; i++) {
            if (s->profiles[i] == profile) {
                s->profile_packets[i] += packets;
                return;
            }
            n_real += s->profiles[i] != NO_EXTENSION;
        }
        if (n_real < MAX_PROFILES || profile == OTHER_PROFILE || profile == NO_EXTENSION) break;
        profile = OTHER_PROFILE;
    }
    s->profiles[s->n_profiles] = profile;
    s->profile_packets[s->n_profiles++] = packets;
}

static inline uint32_t kind_of(int32_t profile, uint8_t second_byte) {
    return (uint32_t)(profile + 1) << 8 | second_byte;
}

/* Enter packets of one kind in a row into the tables. */
COLD static void end_kind(stream_t *s, uint32_t next) {
    if (s->kind_packets) {
        s->second_bytes[s->kind & 0xFF] += s->kind_packets;
        count_profile(s, (int32_t)(s->kind >> 8) - 1, s->kind_packets);
    }
    s->kind = next;
    s->kind_packets = 0;
}

COLD static void note_size(stream_t *s, int32_t size) {
    s->size_min = s->size_min < size ? s->size_min : size;
    s->size_max = s->size_max > size ? s->size_max : size;
}

COLD static void go_back(stream_t *s, int64_t epoch_ns) {
    s->last_ns = most(s->last_ns, s->previous_ns);
    s->first_ns = least(s->first_ns, epoch_ns);
}

/* Count what does not depend on the number; return when the packet before arrived. */
HOT static inline int64_t count_traffic(stream_t *s, packet_t p) {
    int64_t before_ns = s->previous_ns;
    s->bytes += p.size;
    s->odd16 += (p.size & 15) != 0;
    if (p.size < s->size_min || p.size > s->size_max) note_size(s, p.size);
    if (p.epoch_ns < before_ns) go_back(s, p.epoch_ns);
    if (p.epoch_ns - before_ns > s->max_gap_ns) s->max_gap_ns = p.epoch_ns - before_ns;
    s->previous_ns = p.epoch_ns;
    if (s->kind != p.kind) end_kind(s, p.kind);
    s->kind_packets += 1;
    return before_ns;
}

/* Decide about the packet that was held, by the next one; return when the last that followed arrived. */
COLD static int64_t release_held(stream_t *s, uint16_t sequence) {
    packet_t held = s->held;
    uint16_t beyond = (uint16_t)(sequence - held.sequence);
    s->is_holding = 0;
    if (0 < beyond && beyond <= MAX_MISORDER) {
        jump(s, held, s->arrival_ns);
        return held.epoch_ns;
    }
    s->strays += 1;
    return s->arrival_ns;
}

/* Note below which number packets in a row need no thought. */
static void foresee(stream_t *s) {
    s->foreseen = s->previous == s->highest && !s->is_holding ? s->settle_at : INT64_MIN;
}

/* Take a packet that is not simply the next. */
COLD static void take_odd(stream_t *s, packet_t p, int64_t before_ns) {
    if (s->is_holding) before_ns = release_held(s, p.sequence);
    int64_t distance = (int16_t)(uint16_t)(p.sequence - (uint64_t)s->highest);
    if (-MAX_JUMP <= distance && distance <= MAX_JUMP) {
        place_and_follow(s, p, s->highest + distance, before_ns);
    } else {
        s->held = p;
        s->arrival_ns = before_ns;
        s->is_holding = 1;
    }
    foresee(s);
}

/* Take a packet that is not the first. */
HOT static inline void add_packet(stream_t *s, packet_t p) {
    int64_t before_ns = count_traffic(s, p), number = s->highest + 1;
    if ((uint16_t)number != p.sequence || number >= s->foreseen) {
        take_odd(s, p, before_ns);
        return;
    }
    enter_second(s, p.epoch_ns);
    s->highest = s->previous = number;
    follow(s, p, before_ns, 1);
}

static void free_stream(stream_t *s) {
    if (!s) return;
    free(s->sample);
    free(s->rows);
    free(s);
}

static stream_t *new_stream(const kernel_t *k, const candidate_t *c) {
    int kind = 0;
    stream_t *s = calloc(1, sizeof(stream_t));
    if (!s) return NULL;
    s->key = c->key;
    s->hash = c->hash;
    while (k->n_streams >= LIMITS[kind].streams) kind++;
    s->sample_limit = LIMITS[kind].sample;
    s->rows_limit = LIMITS[kind].rows;
    s->sample = malloc((size_t)(s->sample_limit + 1) * sizeof(sampled_t));
    if (!s->sample || !room_for_rows(s)) {
        free_stream(s);
        return NULL;
    }
    s->size_min = s->size_max = c->packets[0].size;
    s->first_ns = s->last_ns = s->previous_ns = c->packets[0].epoch_ns;
    s->grid_ns = k->origin_ns;
    s->seconds_each = 1;
    s->sample_last = UINT32_MAX;
    s->second_start_ns = INT64_MIN;
    s->losses.first = s->losses.last = NEVER;
    s->flow = NOBODY;
    memcpy(s->first_header, c->first_header, FIRST_HEADER_BYTES);
    s->first_header_bytes = c->first_header_bytes;
    return s;
}

/* ---- flows ------------------------------------------------------------------------------------------- */

static who_t flow_key(const who_t *key) {
    who_t flow = *key;
    flow.ends &= ~(uint64_t)UINT32_MAX;
    return flow;
}

static int same_flow(const flow_t *f, const who_t *key) {
    return f->address_bytes == key->address_bytes &&
           ((uint64_t)f->source_port << 48 | (uint64_t)f->destination_port << 32) == key->ends &&
           !memcmp(f->address, key->address, (size_t)key->address_bytes);
}

/* Return the flow's place, begun if need be; NOBODY when there are too many. */
COLD static int32_t find_flow(kernel_t *k, const who_t *stream_key, int64_t epoch_ns) {
    who_t key = flow_key(stream_key);
    uint64_t slot = hash_key(k, &key) & (FLOW_SLOTS - 1);
    while (k->flow_slots[slot] != NOBODY) {
        if (same_flow(k->flows + k->flow_slots[slot], &key)) return k->flow_slots[slot];
        slot = (slot + 1) & (FLOW_SLOTS - 1);
    }
    if (k->n_flows >= MAX_FLOWS) return NOBODY;
    if (k->n_flows >= k->flows_room) {
        int32_t room = k->flows_room ? k->flows_room * 2 : 256;
        flow_t *flows = realloc(k->flows, (size_t)room * sizeof(flow_t));
        if (!flows) {
            k->out_of_memory = 1;
            return NOBODY;
        }
        k->flows = flows;
        k->flows_room = room;
    }
    flow_t *f = k->flows + k->n_flows;
    memset(f, 0, sizeof *f);
    memcpy(f->address, key.address, sizeof f->address);
    f->address_bytes = (int32_t)key.address_bytes;
    f->source_port = (int32_t)(key.ends >> 48);
    f->destination_port = (int32_t)(key.ends >> 32 & 0xFFFF);
    f->size_min = WINDOW;
    f->first_ns = f->last_ns = epoch_ns;
    k->flow_slots[slot] = k->n_flows;
    return k->n_flows++;
}

COLD static int32_t count_in_flow(kernel_t *k, const who_t *key, int64_t epoch_ns, int64_t size, int is_rtp) {
    int32_t place = find_flow(k, key, epoch_ns);
    if (place == NOBODY) {
        k->flow_packets_left_out += 1;
        return NOBODY;
    }
    flow_t *f = k->flows + place;
    f->packets += 1;
    f->bytes += size;
    f->first_ns = least(f->first_ns, epoch_ns);
    f->last_ns = most(f->last_ns, epoch_ns);
    f->size_min = least(f->size_min, size);
    f->size_max = most(f->size_max, size);
    f->odd16 += (size & 15) != 0;
    f->rtp_candidates += is_rtp;
    return place;
}

/* ---- the table of streams ---------------------------------------------------------------------------- */

HOT static inline stream_t *find_stream(const kernel_t *k, const who_t *key, uint64_t hash) {
    for (uint64_t slot = hash & k->stream_mask;; slot = (slot + 1) & k->stream_mask) {
        stream_t *s = k->stream_slots[slot].stream;
        if (!s || (k->stream_slots[slot].hash == hash && same_key(&s->key, key))) return s;
    }
}

static void enter_slot(kernel_t *k, stream_t *s) {
    uint64_t slot = s->hash & k->stream_mask;
    while (k->stream_slots[slot].stream) slot = (slot + 1) & k->stream_mask;
    k->stream_slots[slot] = (stream_slot_t){s->hash, s};
}

/* Keep the table at most an eighth full, and as small as that allows. */
static int room_for_streams(kernel_t *k) {
    uint64_t slots = k->stream_slots ? k->stream_mask + 1 : 0;
    if (slots && 8 * (uint64_t)k->n_streams < slots) return 1;
    slots = slots ? 2 * slots : FIRST_STREAM_SLOTS;
    stream_slot_t *table = calloc(slots, sizeof(stream_slot_t));
    if (!table) return 0;
    free(k->stream_slots);
    k->stream_slots = table;
    k->stream_mask = slots - 1;
    for (int32_t i = 0; i < k->n_streams; i++) enter_slot(k, k->streams[i]);
    return 1;
}

static void forget(kernel_t *k, int32_t place) {
    candidate_t *c = k->candidates + place;
    int32_t *link = k->candidate_slots + (c->hash & (PROBATION_SLOTS - 1));
    while (*link != place) link = &k->candidates[*link].next;
    *link = c->next;
    if (c->older != NOBODY)
        k->candidates[c->older].younger = c->younger;
    else
        k->oldest = c->younger;
    if (c->younger != NOBODY)
        k->candidates[c->younger].older = c->older;
    else
        k->youngest = c->older;
    c->next = k->free_candidate;
    k->free_candidate = place;
    k->n_candidates -= 1;
}

static int32_t new_candidate(kernel_t *k, const who_t *key, uint64_t hash) {
    if (k->n_candidates >= MAX_ON_PROBATION) forget(k, k->oldest);
    int32_t place = k->free_candidate;
    candidate_t *c = k->candidates + place;
    k->free_candidate = c->next;
    k->n_candidates += 1;
    c->key = *key;
    c->hash = hash;
    c->count = 0;
    c->older = k->youngest;
    c->younger = NOBODY;
    if (k->youngest != NOBODY)
        k->candidates[k->youngest].younger = place;
    else
        k->oldest = place;
    k->youngest = place;
    c->next = k->candidate_slots[hash & (PROBATION_SLOTS - 1)];
    k->candidate_slots[hash & (PROBATION_SLOTS - 1)] = place;
    return place;
}

static void settle_stream(kernel_t *k, int32_t place, int32_t flow) {
    candidate_t *c = k->candidates + place;
    if (k->n_streams >= MAX_STREAMS) {
        k->stream_packets_left_out += c->count;
        forget(k, place);
        return;
    }
    stream_t *s = room_for_streams(k) ? new_stream(k, c) : NULL;
    if (!s) {
        k->out_of_memory = 1;
        forget(k, place);
        return;
    }
    count_traffic(s, c->packets[0]);
    begin(s, c->packets[0], 0);
    foresee(s);
    for (int i = 1; i < c->count; i++) add_packet(s, c->packets[i]);
    s->flow = flow;
    s->settled_packets = c->count;
    s->settled_bytes = s->bytes;
    s->settled_odd16 = s->odd16;
    enter_slot(k, s);
    k->streams[k->n_streams++] = s;
    forget(k, place);
}

/* Keep the first packets of a stream until there are enough. */
COLD static void prove(kernel_t *k, const stranger_t *w, int32_t flow) {
    int32_t place = k->candidate_slots[w->hash & (PROBATION_SLOTS - 1)];
    while (place != NOBODY &&
           !(k->candidates[place].hash == w->hash && same_key(&k->candidates[place].key, &w->key)))
        place = k->candidates[place].next;
    if (place == NOBODY) place = new_candidate(k, &w->key, w->hash);
    candidate_t *c = k->candidates + place;
    if (!c->count) {
        c->first_header_bytes = (int32_t)least(w->captured, FIRST_HEADER_BYTES);
        memset(c->first_header, 0, FIRST_HEADER_BYTES);
        memcpy(c->first_header, w->payload, (size_t)c->first_header_bytes);
    }
    c->packets[c->count++] = w->packet;
    if (c->count == MIN_PACKETS) settle_stream(k, place, flow);
}

/* Say whether one of the ports is one of those that carry packets within. */
HOT static inline uint32_t is_tunnel(const kernel_t *k, uint32_t ports) {
    uint32_t source = ports >> 16, destination = ports & 0xFFFF;
    return (k->tunnels[source >> 5] >> (source & 31) | k->tunnels[destination >> 5] >> (destination & 31)) & 1;
}

/* ---- datagrams --------------------------------------------------------------------------------------- */

static int is_plain_rtp(const uint8_t *p, int64_t captured) {
    static const uint8_t run[12] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    if (captured < 12 || p[0] >> 6 != 2 || p[1] >> 5 == 6) return 0;
    if (captured < 24) return 1;
    uint32_t length = load32(p + 20);
    if (captured >= 28 && length == 0xFFFFFFFFu && !memcmp(p + 16, run, 12)) return 0;
    return captured == 24 || captured - 24 - (int64_t)length < 0 || captured - 24 - (int64_t)length >= 4;
}

/* Read an RTP header; 0 when it does not fit. */
static int read_header(const uint8_t *p, int64_t captured, int64_t size, packet_t *packet) {
    int64_t at = 12 + 4 * (p[0] & 0x0F);
    int32_t profile = NO_EXTENSION;
    if (p[0] & 0x10) {
        int64_t end = at + 4;
        if (end <= captured) {
            profile = (int32_t)load16(p + at);
            end += 4 * (int64_t)load16(p + at + 2);
        }
        at = end;
    }
    if (at > size) return 0;
    packet->kind = kind_of(profile, p[1]);
    packet->sequence = (uint16_t)load16(p + 2);
    packet->timestamp = load32(p + 4);
    packet->size = (int32_t)size;
    return 1;
}

/* Where a stream stands among the recent ones, unless another took the place. */
HOT static inline stream_t **slot_of(kernel_t *k, uint64_t ends) {
    return k->recent + (ends * 0x9E3779B97F4A7C15u >> (64 - RECENT_BITS));
}

/* Take a packet whose stream may not be settled. */
static void take_stranger(kernel_t *k, const stranger_t *w) {
    stream_t *s = find_stream(k, &w->key, w->hash);
    if (!s) {
        prove(k, w, count_in_flow(k, &w->key, w->packet.epoch_ns, w->packet.size, 1));
        return;
    }
    if (!is_tunnel(k, (uint32_t)(w->key.ends >> 32))) *slot_of(k, w->key.ends) = s;
    add_packet(s, w->packet);
}

/* Let no packet wait. */
FAST COLD static void take_waiting(kernel_t *k) {
    const waiting_t *end = k->waiting + k->n_waiting;
    for (const waiting_t *w = k->waiting; w < end; w++) add_packet(w->stream, w->packet);
    k->udp_datagrams += k->n_waiting;
    k->n_waiting = 0;
}

/* Count a datagram; say whether it is settled as RTP. */
COLD static int take_datagram(kernel_t *k, const uint8_t *addresses, int32_t address_bytes, uint32_t ports,
                              int64_t epoch_ns, const uint8_t *payload, int64_t captured, int64_t size) {
    stranger_t w = {
        .packet.epoch_ns = epoch_ns,
        .key = {.ends = (uint64_t)ports << 32, .address_bytes = address_bytes},
        .payload = payload,
        .captured = captured,
    };
    take_waiting(k);
    int is_rtp = is_plain_rtp(payload, captured);
    memcpy(w.key.address, addresses, (size_t)address_bytes);
    k->udp_datagrams += 1;
    if (!is_rtp || !read_header(payload, captured, size, &w.packet)) {
        count_in_flow(k, &w.key, epoch_ns, size, is_rtp);
        return is_rtp;
    }
    w.key.ends |= load32(payload + 8);
    w.hash = hash_key(k, &w.key);
    take_stranger(k, &w);
    return 1;
}

/* ---- frames ------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t addresses_at, start, end;
    int32_t protocol, address_bytes, flags;
    uint32_t ports, sequence;
} plain_t;

static inline uint32_t loopback_family(uint32_t either) {
    switch (either) {
    case 2: return IPV4;
    case 10: case 24: case 28: case 30: return IPV6;
    default: return 0;
    }
}

/* Return the EtherType of the IP packet that begins at *at, or something else. */
static uint32_t ip_start(const uint8_t *data, int64_t size, int32_t link_type, int64_t *at) {
    uint32_t kind;
    switch (link_type) {
    case 1:
        *at = 12;
        for (int tags = 0; tags <= 2 && *at + 2 <= size; tags++) {
            kind = load16(data + *at);
            *at += 2;
            if (kind != 0x8100 && kind != 0x88A8 && kind != 0x9100) return kind;
            *at += 2;
        }
        return 0;
    case 12: case 14: case 101:
        *at = 0;
        return size ? (data[0] >> 4 == 4 ? IPV4 : data[0] >> 4 == 6 ? IPV6 : 0) : 0;
    case 228:
        *at = 0;
        return IPV4;
    case 229:
        *at = 0;
        return IPV6;
    case 113:
        *at = 16;
        return size >= 16 && load16(data + 2) != 803 ? load16(data + 14) : 0;
    case 276:
        *at = 20;
        return size >= 20 && load16(data + 8) != 803 ? load16(data) : 0;
    case 0: case 108:
        *at = 4;
        if (size < 4) return 0;
        kind = load32(data);
        return loopback_family(kind < __builtin_bswap32(kind) ? kind : __builtin_bswap32(kind));
    default:
        return 0;
    }
}

/* Read a frame; 0 when it is not plain. */
static int read_plain(const kernel_t *k, const uint8_t *data, int64_t size, int64_t wire_size,
                             int32_t link_type, plain_t *p) {
    int64_t at, l4;
    uint32_t kind = ip_start(data, size, link_type, &at);
    if (kind == IPV4) {
        if (size < at + 20 || data[at] != 0x45 || load16(data + at + 6) & 0x3FFF) return 0;
        p->protocol = data[at + 9];
        p->end = at + load16(data + at + 2);
        p->addresses_at = at + 12;
        p->address_bytes = 8;
        l4 = at + 20;
    } else if (kind == IPV6) {
        if (size < at + 40 || data[at] >> 4 != 6) return 0;
        p->protocol = data[at + 6];
        p->end = at + 40 + load16(data + at + 4);
        p->addresses_at = at + 8;
        p->address_bytes = 32;
        l4 = at + 40;
    } else {
        return 0;
    }
    if (p->end > wire_size) return 0;
    if (p->protocol == UDP) {
        p->start = l4 + 8;
        if (p->start > size || p->start > p->end || l4 + load16(data + l4 + 4) != p->end) return 0;
    } else if (p->protocol == TCP) {
        if (l4 + 20 > size || data[l4 + 12] >> 4 < 5) return 0;
        p->start = l4 + 4 * (data[l4 + 12] >> 4);
        if (p->start > p->end) return 0;
        p->sequence = load32(data + l4 + 4) + (data[l4 + 13] >> 1 & 1);
        p->flags = data[l4 + 13];
    } else {
        return 0;
    }
    p->ports = load32(data + l4);
    return p->protocol == TCP || !is_tunnel(k, p->ports);
}

static inline void note_time(kernel_t *k, int64_t epoch_ns) {
    if (!k->has_times) {
        k->origin_ns = k->first_ns = k->last_ns = epoch_ns;
        k->has_times = 1;
    }
    if (epoch_ns >= k->last_ns)
        k->last_ns = epoch_ns;
    else
        k->first_ns = least(k->first_ns, epoch_ns);
    k->previous_ns = epoch_ns;
}

static inline int64_t is_tag(uint32_t kind) { return (kind & 0xEFFF) == 0x8100 || kind == 0x88A8; }

/* Say whether a packet of RTP belongs to a stream. LOOK_AHEAD bytes can be read. */
HOT static inline int is_stream_of(const stream_t *s, const uint8_t *addresses, uint64_t ends, int six) {
    uint64_t words[4];
    memcpy(words, addresses, sizeof words);
    uint64_t differ = (s->key.address[0] ^ words[0]) | (s->key.ends ^ ends);
    if (!six) return !(differ | (uint64_t)(s->key.address_bytes ^ 8));
    differ |= (s->key.address[1] ^ words[1]) | (s->key.address[2] ^ words[2]) | (s->key.address[3] ^ words[3]);
    return !(differ | (uint64_t)(s->key.address_bytes ^ 32));
}

/* Take RTP without list of sources of a recent stream, UDP header in front; 0: look closer. */
HOT static inline int skim_datagram(kernel_t *k, const uint8_t *udp, const uint8_t *addresses, int64_t length,
                                    int64_t captured, int64_t epoch_ns, int six) {
    const uint8_t *payload = udp + 8;
    uint64_t ports_and_length = load64(udp), start = load64(payload);
    uint64_t ends = (ports_and_length & 0xFFFFFFFF00000000u) | load32(payload + 8);
    stream_t *s = *slot_of(k, ends);
    if (!s || !is_stream_of(s, addresses, ends, six)) return 0;
    int64_t size = length - 8, available = least(captured, length) - 8, header = 12;
    uint32_t extension = 0, reflected = load32(payload + 20), second_byte = start >> 48 & 0xFF;
    if ((int64_t)(ports_and_length >> 16 & 0xFFFF) != length) return 0;
    if ((start >> 56 & 0xCF) != 0x80 || second_byte >> 5 == 6 || available < 16) return 0;
    if (start >> 60 & 1) {
        extension = load16(payload + 12) + 1;
        header += 4 + 4 * (int64_t)load16(payload + 14);
    }
    if (header > size) return 0;
    if (reflected == UINT32_MAX || (uint64_t)(available - 24 - (int64_t)reflected) < 4) return 0;
    if (k->n_streams > FEW_STREAMS)
        for (int part = 64; part < HOT_BYTES; part += 64) __builtin_prefetch((const uint8_t *)s + part, 1);
    waiting_t *w = k->waiting + k->n_waiting;
    w->stream = s;
    w->packet.epoch_ns = epoch_ns;
    w->packet.timestamp = (uint32_t)start;
    w->packet.size = (int32_t)size;
    w->packet.kind = extension << 8 | second_byte;
    w->packet.sequence = (uint16_t)(start >> 32);
    if (++k->n_waiting == WAITING) take_waiting(k);
    return 1;
}

/* Take what most of a call is: RTP in UDP in IP in Ethernet, of a recent stream. 0: look closer.
   LOOK_AHEAD bytes can be read. */
HOT static inline int skim(kernel_t *k, const uint8_t *f, int64_t captured, int64_t wire_size, int64_t epoch_ns) {
    int64_t at = 14;
    for (int tags = 0; tags < 2 && is_tag(load16(f + at - 2)); tags++) at += 4;
    const uint8_t *ip = f + at;
    uint32_t kind = load16(ip - 2);
    uint64_t start = load64(ip);
    if (kind == IPV4) {
        int64_t length = (int64_t)(start >> 32 & 0xFFFF);
        if ((start & 0xFF00000000003FFFu) != 0x4500000000000000u || ip[9] != UDP) return 0;
        if (at + length > wire_size) return 0;
        return skim_datagram(k, ip + 20, ip + 12, length - 20, captured - at - 20, epoch_ns, 0);
    }
    if (kind == IPV6) {
        int64_t length = (int64_t)(start >> 16 & 0xFFFF);
        if ((start & 0xF00000000000FF00u) != 0x6000000000001100u || at + 40 + length > wire_size) return 0;
        return skim_datagram(k, ip + 40, ip + 8, length, captured - at - 40, epoch_ns, 1);
    }
    return 0;
}

/* Take a frame at data + at; 0 when the dissector has to. */
COLD static int take_frame(kernel_t *k, const uint8_t *data, int64_t at, int64_t captured, int64_t wire_size,
                             int32_t link_type, int64_t epoch_ns, outcome_t *out) {
    plain_t p = {0};
    if (!read_plain(k, data + at, captured, wire_size, link_type, &p)) return 0;
    int64_t available = least(p.end, captured) - p.start;
    if (p.protocol == UDP) {
        if (take_datagram(k, data + at + p.addresses_at, p.address_bytes, p.ports, epoch_ns,
                          data + at + p.start, available, p.end - p.start))
            return 1;
    } else if (available <= 0) {
        return 1;
    }
    k->events[out->n_events++] = (event_t){
        .epoch_ns = epoch_ns,
        .frame = k->frames,
        .protocol = p.protocol,
        .addresses_at = (int32_t)(at + p.addresses_at),
        .address_bytes = p.address_bytes,
        .start = (int32_t)(at + p.start),
        .captured = (int32_t)available,
        .size = (int32_t)(p.end - p.start),
        .source_port = (int32_t)(p.ports >> 16),
        .destination_port = (int32_t)(p.ports & 0xFFFF),
        .sequence = p.sequence,
        .flags = p.flags,
    };
    return 1;
}

/* ---- files ------------------------------------------------------------------------------------------- */

static int64_t reckon(const interface_t *from, uint64_t ticks) {
    __int128 ns = (__int128)((unsigned __int128)ticks * 1000000000u / from->ticks_per_s) + from->offset_ns;
    if (ns > TIME_LIMIT_NS) return TIME_LIMIT_NS;
    return ns < 0 ? 0 : (int64_t)ns;
}

/* Count a frame and take it; 0 when it is to be dissected outside. */
HOT static inline int pass(kernel_t *k, interface_t *from, const uint8_t *data, int64_t size, int64_t at,
                           int64_t captured, int64_t wire_size, int64_t epoch_ns, outcome_t *out) {
    k->frames += 1;
    if (from->readable) {
        from->frames += 1;
        note_time(k, epoch_ns);
        if (at + LOOK_AHEAD <= size && from->link_type == 1 &&
            skim(k, data + at, captured, wire_size, epoch_ns))
            return 1;
        if (take_frame(k, data, at, captured, wire_size, from->link_type, epoch_ns, out)) return 1;
    }
    out->reason = FRAME;
    out->frame = k->frames;
    out->epoch_ns = epoch_ns;
    out->readable = from->readable;
    out->start = (int32_t)at;
    out->captured = (int32_t)captured;
    out->wire_size = wire_size;
    return 0;
}

/* Skim records of pcap as long as nothing else lies between them; return where that ends. */
HOT static inline int64_t skim_records(kernel_t *k, const uint8_t *data, int64_t size, int64_t at, int big_endian,
                                       int64_t header_bytes, int64_t tick_ns, interface_t *from) {
    int64_t first_ns = k->first_ns, last_ns = k->last_ns, previous_ns = k->previous_ns, frames = 0;
    if (!k->has_times || !from->readable || from->link_type != 1) return at;
    while (at + header_bytes + LOOK_AHEAD <= size) {
        int64_t captured = load32_as(data + at + 8, big_endian), start = at + header_bytes;
        int64_t wire_size = load32_as(data + at + 12, big_endian);
        int64_t epoch_ns = (int64_t)load32_as(data + at, big_endian) * SECOND_NS +
                           (int64_t)load32_as(data + at + 4, big_endian) * tick_ns;
        if (captured > MAX_FRAME_BYTES || start + captured > size) break;
        if (!skim(k, data + start, captured, wire_size, epoch_ns)) break;
        if (epoch_ns < last_ns)
            first_ns = least(first_ns, epoch_ns);
        else
            last_ns = epoch_ns;
        previous_ns = epoch_ns;
        frames += 1;
        at = start + captured;
    }
    k->first_ns = first_ns;
    k->last_ns = last_ns;
    k->previous_ns = previous_ns;
    k->frames += frames;
    from->frames += frames;
    return at;
}

HOT static inline void feed_classic(kernel_t *k, const uint8_t *data, int64_t size, int big_endian,
                                int64_t header_bytes, interface_t *from, outcome_t *out) {
    int64_t at = 0, tick_ns = (int64_t)(1000000000u / from->ticks_per_s);
    for (;;) {
        at = skim_records(k, data, size, at, big_endian, header_bytes, tick_ns, from);
        if (at + header_bytes > size) break;
        int64_t captured = load32_as(data + at + 8, big_endian), start = at + header_bytes;
        if (captured > MAX_FRAME_BYTES) {
            out->reason = BROKEN;
            break;
        }
        if (start + captured > size) break;
        if (out->n_events == MAX_EVENTS) {
            out->reason = EVENTS;
            break;
        }
        int64_t epoch_ns = (int64_t)load32_as(data + at, big_endian) * SECOND_NS +
                           (int64_t)load32_as(data + at + 4, big_endian) * tick_ns;
        int64_t wire_size = load32_as(data + at + 12, big_endian);
        at = start + captured;
        if (!pass(k, from, data, size, start, captured, wire_size, epoch_ns, out)) break;
    }
    take_waiting(k);
    out->consumed = at;
}

HOT static inline void feed_blocks(kernel_t *k, const uint8_t *data, int64_t size, int big_endian,
                               interface_t *interfaces, int32_t n_interfaces, outcome_t *out) {
    int64_t at = 0;
    while (at + 12 <= size) {
        if (load32_as(data + at, big_endian) != 6) {
            out->reason = BLOCK;
            break;
        }
        int64_t length = ((int64_t)load32_as(data + at + 4, big_endian) + 3) & ~(int64_t)3;
        if (length <= MAX_BLOCK_BYTES && at + length > size) break;
        if (length < 32 || length > MAX_BLOCK_BYTES || memcmp(data + at + length - 4, data + at + 4, 4)) {
            out->reason = BROKEN;
            break;
        }
        uint32_t number = load32_as(data + at + 8, big_endian);
        int64_t captured = load32_as(data + at + 20, big_endian);
        if (number >= (uint32_t)n_interfaces || captured > MAX_FRAME_BYTES || 28 + captured > length - 4) {
            out->reason = BROKEN;
            break;
        }
        if (out->n_events == MAX_EVENTS) {
            out->reason = EVENTS;
            break;
        }
        interface_t *from = interfaces + number;
        uint64_t ticks =
            (uint64_t)load32_as(data + at + 12, big_endian) << 32 | load32_as(data + at + 16, big_endian);
        int64_t epoch_ns = from->readable ? reckon(from, ticks) : 0;
        int64_t start = at + 28, wire_size = load32_as(data + at + 24, big_endian);
        at += length;
        out->ticks = (int64_t)ticks;
        out->interface = (int32_t)number;
        if (!pass(k, from, data, size, start, captured, wire_size, epoch_ns, out)) break;
    }
    take_waiting(k);
    out->consumed = at;
}

/* ---- what is called from outside --------------------------------------------------------------------- */

int32_t callprobe_version(void) { return KERNEL_VERSION; }

void callprobe_free(kernel_t *k) {
    if (!k) return;
    for (int32_t i = 0; i < k->n_streams; i++) free_stream(k->streams[i]);
    free(k->flows);
    free(k->candidates);
    free(k->stream_slots);
    free(k);
}

/* Return an empty kernel, or NULL without memory. */
kernel_t *callprobe_new(const uint64_t seed[4], const uint16_t *tunnel_ports, int32_t n_tunnel_ports) {
    kernel_t *k = calloc(1, sizeof(kernel_t));
    if (!k || !(k->candidates = malloc(MAX_ON_PROBATION * sizeof(candidate_t))) || !room_for_streams(k)) {
        callprobe_free(k);
        return NULL;
    }
    memcpy(k->seed, seed, sizeof k->seed);
    for (int32_t i = 0; i < n_tunnel_ports; i++) k->tunnels[tunnel_ports[i] >> 5] |= 1u << (tunnel_ports[i] & 31);
    memset(k->candidate_slots, 0xFF, sizeof k->candidate_slots);
    memset(k->flow_slots, 0xFF, sizeof k->flow_slots);
    k->oldest = k->youngest = NOBODY;
    for (int32_t i = 0; i < MAX_ON_PROBATION; i++) k->candidates[i].next = i + 1;
    k->candidates[MAX_ON_PROBATION - 1].next = NOBODY;
    return k;
}

/* Take records of a pcap file (header_bytes > 0) or blocks of a pcapng section, as many as are whole. */
void callprobe_feed(kernel_t *k, const uint8_t *data, int64_t size, int32_t big_endian,
                         int32_t header_bytes, interface_t *interfaces, int32_t n_interfaces,
                         outcome_t *out) {
    memset(out, 0, sizeof *out);
    if (header_bytes && big_endian)
        feed_classic(k, data, size, 1, header_bytes, interfaces, out);
    else if (header_bytes)
        feed_classic(k, data, size, 0, header_bytes, interfaces, out);
    else
        feed_blocks(k, data, size, big_endian, interfaces, n_interfaces, out);
}

const event_t *callprobe_events(const kernel_t *k) { return k->events; }

/* Note the time of a frame that was reckoned outside. */
void callprobe_note(kernel_t *k, int64_t epoch_ns) { note_time(k, within_limit(epoch_ns)); }

/* Count a frame that was read outside; return the time of the one before it. */
int64_t callprobe_count(kernel_t *k) {
    k->frames += 1;
    return k->previous_ns;
}

/* Take a datagram that was dissected outside; say whether it is settled as RTP. */
int32_t callprobe_datagram(kernel_t *k, const uint8_t *addresses, int32_t address_bytes, uint32_t ports,
                           int64_t epoch_ns, const uint8_t *payload, int64_t captured, int64_t size) {
    return take_datagram(k, addresses, address_bytes, ports, within_limit(epoch_ns), payload, captured, size);
}

/* kernel.py mirrors this layout. */
typedef struct {
    int64_t frames, udp_datagrams, has_times, origin_ns, first_ns, last_ns, n_streams, n_flows;
    int64_t stream_packets_left_out, flow_packets_left_out, out_of_memory;
} summary_t;

void callprobe_summary(const kernel_t *k, summary_t *out) {
    *out = (summary_t){k->frames, k->udp_datagrams, k->has_times, k->origin_ns, k->first_ns, k->last_ns,
                       k->n_streams, k->n_flows, k->stream_packets_left_out, k->flow_packets_left_out,
                       k->out_of_memory};
}

/* Join what streams counted to their flows; no more may be taken afterwards. */
void callprobe_end(kernel_t *k) {
    for (int32_t i = 0; i < k->n_streams; i++) {
        stream_t *s = k->streams[i];
        if (s->ended) continue;
        s->ended = 1;
        end_kind(s, 0);
        end_segment(s);
        end_cluster(&s->losses);
        end_row(s);
        s->strays += s->is_holding;
        s->last_ns = most(s->last_ns, s->previous_ns);
        k->out_of_memory |= s->out_of_memory;
        int64_t packets = -s->settled_packets;
        for (int kind = 0; kind < 256; kind++) packets += s->second_bytes[kind];
        if (s->flow == NOBODY) {
            k->flow_packets_left_out += packets;
            continue;
        }
        flow_t *f = k->flows + s->flow;
        f->packets += packets;
        f->rtp_candidates += packets;
        f->bytes += s->bytes - s->settled_bytes;
        f->odd16 += s->odd16 - s->settled_odd16;
        f->first_ns = least(f->first_ns, s->first_ns);
        f->last_ns = most(f->last_ns, s->last_ns);
        f->size_min = least(f->size_min, s->size_min);
        f->size_max = most(f->size_max, s->size_max);
    }
}

const flow_t *callprobe_flows(const kernel_t *k) { return k->flows; }

/* Give the figures of a stream; sample and rows stay the kernel's. */
int32_t callprobe_stream(const kernel_t *k, int32_t place, totals_t *out) {
    if (place < 0 || place >= k->n_streams) return 0;
    const stream_t *s = k->streams[place];
    memset(out, 0, sizeof *out);
    memcpy(out->address, s->key.address, sizeof out->address);
    out->address_bytes = (int32_t)s->key.address_bytes;
    out->source_port = (int32_t)(s->key.ends >> 48);
    out->destination_port = (int32_t)(s->key.ends >> 32 & 0xFFFF);
    out->ssrc = (uint32_t)s->key.ends;
    memcpy(out->first_header, s->first_header, sizeof out->first_header);
    out->first_header_bytes = s->first_header_bytes;
    for (int kind = 0; kind < 256; kind++) {
        out->packets += s->second_bytes[kind];
        out->payload_types[kind & 0x7F] += s->second_bytes[kind];
        out->markers += kind >> 7 ? s->second_bytes[kind] : 0;
    }
    out->strays = s->strays;
    out->bytes = s->bytes;
    out->size_min = s->size_min;
    out->size_max = s->size_max;
    out->first_ns = s->first_ns;
    out->last_ns = s->last_ns;
    out->max_gap_ns = s->max_gap_ns;
    out->grid_ns = s->grid_ns;
    out->segments = s->segments;
    out->unique = s->followed - s->copies;
    out->expected = s->expected_before;
    out->reordered = s->reordered;
    out->late = s->late;
    out->neighbours = s->followed - s->segments - s->others;
    out->orderly = s->orderly + out->neighbours;
    out->losses = s->losses;
    out->elapsed_ns = (s->is_holding ? s->arrival_ns : s->previous_ns) - s->start_ns;
    out->ticks = s->ticks;
    out->differences = s->followed - s->segments;
    out->still = s->still;
    memcpy(out->jitter, s->jitter, sizeof out->jitter);
    memcpy(out->jitter_sum, s->jitter_sum, sizeof out->jitter_sum);
    memcpy(out->jitter_max, s->jitter_max, sizeof out->jitter_max);
    memcpy(out->silences, s->silences, sizeof out->silences);
    for (int32_t i = 0; i < s->n_profiles; i++) {
        if (s->profiles[i] == NO_EXTENSION) continue;
        out->profiles[out->n_profiles] = s->profiles[i];
        out->profile_packets[out->n_profiles++] = s->profile_packets[i];
    }
    out->n_sampled = s->n_sampled;
    out->sample = s->sample;
    out->seconds_each = s->seconds_each;
    out->n_rows = s->n_rows;
    out->rows = s->rows;
    return 1;
}
