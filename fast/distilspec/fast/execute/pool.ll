; A list of operations, carried out in order by any number of threads.
;
; An operation is finished when all its units are. A thread takes some units at a time from the operation at hand: of
; those that are left, what half of a fair share would be, so that neighbouring units find in the first cache what they
; read, or ``grain`` of them if that is more. It goes on to the next operation when what others have taken is finished
; too. So nothing depends on how many threads take part, or on when they come: a lead that finds itself alone does
; everything.
;
; An operation has 128 bytes:
;     0 entry     ptr, of a kernel: (slots, first unit, last unit, number of the thread)
;     8 slots     ptr, what the kernel reads its other parameters from
;    16 units     i64
;    24 grain     i64
;    64 next      i64, the first unit that nobody has taken
;    72 finished  i64, how many units are finished
;
; The state, where every field has 64 bytes to itself:
;     0 generation  i64, counts the runs
;    64 gate        i64, how many workers are inside, less 2^32 while the gate is shut
;   128 operations  ptr, then their number, i64
;   192 stop        i64, 1 when workers must return
;   256 workers     i64
;   320 ...         a worker each: parked i64, then at 16 its semaphore
;
; A worker enters only while the gate is open, and the lead opens it only when nobody is inside and the counters stand
; at 0: no worker can take units of a run with what it knows of another.

%operation = type { ptr, ptr, i64, i64, [4 x i64], i64, i64, [6 x i64] }

{declaration}
declare i32 @sched_yield()
declare i32 @sem_init(ptr, i32, i32)
declare i32 @sem_post(ptr)
declare i32 @sem_wait(ptr)
declare i32 @sem_destroy(ptr)

define internal ptr @parked(ptr %state, i64 %worker) {
  %far = mul i64 %worker, 64
  %start = getelementptr i8, ptr %state, i64 320
  %place = getelementptr i8, ptr %start, i64 %far
  ret ptr %place
}

define internal ptr @semaphore(ptr %state, i64 %worker) {
  %flag = call ptr @parked(ptr %state, i64 %worker)
  %place = getelementptr i8, ptr %flag, i64 16
  ret ptr %place
}

define internal void @walk(ptr %state, ptr %operations, i64 %count, i64 %thread) {
entry:
  %workers.place = getelementptr i8, ptr %state, i64 256
  %workers = load i64, ptr %workers.place
  %threads = add i64 %workers, 1
  %halves = mul i64 %threads, 2
  br label %head
head:
  %at = phi i64 [0, %entry], [%after, %done]
  %more = icmp slt i64 %at, %count
  br i1 %more, label %begin, label %end
begin:
  %operation = getelementptr %operation, ptr %operations, i64 %at
  %entry.place = getelementptr %operation, ptr %operation, i64 0, i32 0
  %slots.place = getelementptr %operation, ptr %operation, i64 0, i32 1
  %units.place = getelementptr %operation, ptr %operation, i64 0, i32 2
  %grain.place = getelementptr %operation, ptr %operation, i64 0, i32 3
  %next = getelementptr %operation, ptr %operation, i64 0, i32 5
  %finished = getelementptr %operation, ptr %operation, i64 0, i32 6
  %kernel = load ptr, ptr %entry.place
  %slots = load ptr, ptr %slots.place
  %units = load i64, ptr %units.place
  %grain = load i64, ptr %grain.place
  br label %take
take:
  %first = load atomic i64, ptr %next monotonic, align 8
  %any = icmp slt i64 %first, %units
  br i1 %any, label %claim, label %wait
claim:
  %left = sub i64 %units, %first
  %half = udiv i64 %left, %halves
  %few = icmp slt i64 %half, %grain
  %taken = select i1 %few, i64 %grain, i64 %half
  %far = add i64 %first, %taken
  %claimed = cmpxchg ptr %next, i64 %first, i64 %far monotonic monotonic
  %mine = extractvalue { i64, i1 } %claimed, 1
  br i1 %mine, label %work, label %take
work:
  %beyond = icmp sgt i64 %far, %units
  %last = select i1 %beyond, i64 %units, i64 %far
  call void %kernel(ptr %slots, i64 %first, i64 %last, i64 %thread)
  %size = sub i64 %last, %first
  %unused = atomicrmw add ptr %finished, i64 %size release
  br label %take
wait:
  %turns = phi i64 [0, %take], [%turned, %again]
  %so.far = load atomic i64, ptr %finished acquire, align 8
  %complete = icmp eq i64 %so.far, %units
  br i1 %complete, label %done, label %pause
pause:
  {pause}
  %long = icmp sgt i64 %turns, {spins}
  br i1 %long, label %yield, label %again
yield:
  %ignored = call i32 @sched_yield()
  br label %again
again:
  %turned = add i64 %turns, 1
  br label %wait
done:
  %after = add i64 %at, 1
  br label %head
end:
  ret void
}

; Wake the workers that are parked, once the generation has changed.
define internal void @wake(ptr %state) {
entry:
  %workers.place = getelementptr i8, ptr %state, i64 256
  %workers = load i64, ptr %workers.place
  br label %head
head:
  %worker = phi i64 [0, %entry], [%after, %next]
  %more = icmp slt i64 %worker, %workers
  br i1 %more, label %ask, label %end
ask:
  %flag = call ptr @parked(ptr %state, i64 %worker)
  %was = atomicrmw xchg ptr %flag, i64 0 seq_cst
  %sleeps = icmp eq i64 %was, 1
  br i1 %sleeps, label %post, label %next
post:
  %semaphore = call ptr @semaphore(ptr %state, i64 %worker)
  %ignored = call i32 @sem_post(ptr %semaphore)
  br label %next
next:
  %after = add i64 %worker, 1
  br label %head
end:
  ret void
}

define void @pool_open(ptr %state, i64 %workers) {
entry:
  %gate = getelementptr i8, ptr %state, i64 64
  store i64 -4294967296, ptr %gate
  %workers.place = getelementptr i8, ptr %state, i64 256
  store i64 %workers, ptr %workers.place
  br label %head
head:
  %worker = phi i64 [0, %entry], [%after, %begin]
  %more = icmp slt i64 %worker, %workers
  br i1 %more, label %begin, label %end
begin:
  %semaphore = call ptr @semaphore(ptr %state, i64 %worker)
  %ignored = call i32 @sem_init(ptr %semaphore, i32 0, i32 0)
  %after = add i64 %worker, 1
  br label %head
end:
  ret void
}

; Let every worker return. The caller joins their threads before it frees the state.
define void @pool_stop(ptr %state) {
  %stop = getelementptr i8, ptr %state, i64 192
  store atomic i64 1, ptr %stop seq_cst, align 8
  %unused = atomicrmw add ptr %state, i64 1 seq_cst
  call void @wake(ptr %state)
  ret void
}

; What the calling thread does: publish the run, take part in it, and shut the gate behind the last worker.
define void @pool_run(ptr %state, ptr %operations, i64 %count) {
entry:
  br label %head
head:
  %at = phi i64 [0, %entry], [%after, %reset]
  %more = icmp slt i64 %at, %count
  br i1 %more, label %reset, label %publish
reset:
  %operation = getelementptr %operation, ptr %operations, i64 %at
  %next = getelementptr %operation, ptr %operation, i64 0, i32 5
  %finished = getelementptr %operation, ptr %operation, i64 0, i32 6
  store atomic i64 0, ptr %next monotonic, align 8
  store atomic i64 0, ptr %finished monotonic, align 8
  %after = add i64 %at, 1
  br label %head
publish:
  %list = getelementptr i8, ptr %state, i64 128
  %length = getelementptr i8, ptr %state, i64 136
  store ptr %operations, ptr %list
  store i64 %count, ptr %length
  %gate = getelementptr i8, ptr %state, i64 64
  %opened = atomicrmw add ptr %gate, i64 4294967296 release
  %unused = atomicrmw add ptr %state, i64 1 seq_cst
  call void @wake(ptr %state)
  call void @walk(ptr %state, ptr %operations, i64 %count, i64 0)
  %shut = atomicrmw sub ptr %gate, i64 4294967296 acq_rel
  br label %leaving
leaving:
  %turns = phi i64 [0, %publish], [%turned, %again]
  %inside = load atomic i64, ptr %gate acquire, align 8
  %empty = icmp eq i64 %inside, -4294967296
  br i1 %empty, label %end, label %pause
pause:
  {pause}
  %long = icmp sgt i64 %turns, {spins}
  br i1 %long, label %yield, label %again
yield:
  %ignored = call i32 @sched_yield()
  br label %again
again:
  %turned = add i64 %turns, 1
  br label %leaving
end:
  ret void
}

; What the thread of a worker does until the pool stops. The lead is thread 0, worker n is thread n + 1.
define void @pool_work(ptr %state, i64 %worker) {
entry:
  %flag = call ptr @parked(ptr %state, i64 %worker)
  %semaphore = call ptr @semaphore(ptr %state, i64 %worker)
  %gate = getelementptr i8, ptr %state, i64 64
  %list = getelementptr i8, ptr %state, i64 128
  %length = getelementptr i8, ptr %state, i64 136
  %stop = getelementptr i8, ptr %state, i64 192
  %thread = add i64 %worker, 1
  br label %ready
ready:
  %known = phi i64 [0, %entry], [%known, %slept], [%generation, %missed], [%generation, %leave]
  br label %spin
spin:
  %turns = phi i64 [0, %ready], [%turned, %pause]
  %seen = load atomic i64, ptr %state acquire, align 8
  %new = icmp ne i64 %seen, %known
  br i1 %new, label %called, label %pause
pause:
  {pause}
  %turned = add i64 %turns, 1
  %long = icmp sgt i64 %turned, {patience}
  br i1 %long, label %park, label %spin
park:
  store atomic i64 1, ptr %flag seq_cst, align 8
  %again = load atomic i64, ptr %state seq_cst, align 8
  %late = icmp ne i64 %again, %known
  br i1 %late, label %withdraw, label %sleep
withdraw:
  %was = atomicrmw xchg ptr %flag, i64 0 seq_cst
  %mine = icmp eq i64 %was, 1
  br i1 %mine, label %called, label %sleep
sleep:
  %failed = call i32 @sem_wait(ptr %semaphore)
  %interrupted = icmp ne i32 %failed, 0
  br i1 %interrupted, label %sleep, label %slept
slept:
  br label %ready
called:
  %generation = load atomic i64, ptr %state acquire, align 8
  %stopped = load atomic i64, ptr %stop acquire, align 8
  %over = icmp ne i64 %stopped, 0
  br i1 %over, label %end, label %knock
knock:
  %before = atomicrmw add ptr %gate, i64 1 acquire
  %is.shut = icmp slt i64 %before, 0
  br i1 %is.shut, label %missed, label %enter
missed:
  %back = atomicrmw sub ptr %gate, i64 1 monotonic
  br label %ready
enter:
  %operations = load ptr, ptr %list
  %count = load i64, ptr %length
  call void @walk(ptr %state, ptr %operations, i64 %count, i64 %thread)
  br label %leave
leave:
  %left = atomicrmw sub ptr %gate, i64 1 release
  br label %ready
end:
  %ignored = call i32 @sem_destroy(ptr %semaphore)
  ret void
}
