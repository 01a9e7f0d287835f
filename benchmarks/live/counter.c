/* Counts what a real-time thread must not do, malloc and locks, by standing in front of libc (LD_PRELOAD), and drives
 * callbacks as a sound server would. Only calls between `begin` and `end` on the same thread count. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

static __thread int inside;
static __thread long n_mallocs, n_locks;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void *malloc(size_t n) { n_mallocs += inside; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { n_mallocs += inside; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { n_mallocs += inside; return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { n_mallocs += inside; return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { n_mallocs += inside; return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { n_mallocs += inside; *p = __libc_memalign(a, n); return *p == NULL; }
void free(void *p) { n_mallocs += inside && p; __libc_free(p); }

#define COUNTED(name)                                                                    \
    int name(pthread_mutex_t *m)                                                         \
    {                                                                                    \
        static int (*real)(pthread_mutex_t *);                                           \
        if (!real) real = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, #name);           \
        n_locks += inside;                                                               \
        return real(m);                                                                  \
    }
COUNTED(pthread_mutex_lock)
COUNTED(pthread_mutex_trylock)

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *);
    if (!real) real = (int (*)(pthread_cond_t *, pthread_mutex_t *))dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
    if (!real) real = (int (*)(pthread_cond_t *, pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_cond_wait");
    n_locks += inside;
    return real(c, m);
}

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }

static void begin(void) { n_mallocs = n_locks = 0; inside = 1; }
static void end(long *counts) { inside = 0; counts[0] = n_mallocs; counts[1] = n_locks; }

typedef int (*pa_callback)(const void *, void *, unsigned long, const void *, unsigned long, void *);
typedef int (*jack_callback)(uint32_t, void *);

static float *port_buffer;
void *get_buffer(void *port, uint32_t n) { (void)port; (void)n; return port_buffer; }
void set_buffer(float *buffer) { port_buffer = buffer; }

/* One counted call of either kind; returns its seconds. */
double call_portaudio(pa_callback f, const void *in, void *out, unsigned long n, void *ctx, long *counts)
{
    double t = now();
    begin();
    f(in, out, n, NULL, 0, ctx);
    end(counts);
    return now() - t;
}

double call_jack(jack_callback f, uint32_t n, void *ctx, long *counts)
{
    double t = now();
    begin();
    f(n, ctx);
    end(counts);
    return now() - t;
}

/* What must be counted: a malloc, a free, a lock. */
void call_malloc_and_lock(long *counts)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    void *volatile p;
    begin();
    p = malloc(8);
    free(p);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    end(counts);
}
