// io_uring_echo PORT: io_uring with one multishot accept, a multishot receive per connection into a
// ring of provided buffers, and sends from those buffers, submitted once per turn. Sockets are
// registered files, which saves descriptor look-ups.
//
// One send per connection is in flight at a time. A connection is not received from while
// kQueuedMax of its buffers wait to be sent. Needs Linux 6.1.
#include <liburing.h>
#include <sys/mman.h>

#include <vector>

#include "tests/bench/peers/serving.h"

namespace {

constexpr unsigned kSubmissions = 4096;
constexpr unsigned kCompletions = 16384;
constexpr unsigned kBuffers = 512;  // a power of two
constexpr int kBufferGroup = 0;
constexpr int kQueuedMax = 8;
constexpr int kNone = -1;

enum class Op : std::uint64_t { kAccept, kReceive, kSend, kIgnore };

// A buffer waiting to be sent, in the queue of its connection.
struct Filled {
  unsigned size = 0;
  int next = kNone;
};

struct Connection {
  int first = kNone;  // of the queue; being sent when `sending`
  int last = kNone;
  int queued = 0;
  bool receiving = false;  // a multishot receive is armed
  bool stopping = false;   // and a cancellation was submitted
  bool sending = false;
  bool over = false;  // nothing more to come: end of stream, or an error
  bool failed = false;
};

class Server {
 public:
  Server(int listener, std::size_t connections)
      : listener_(listener), connections_(connections), filled_(kBuffers) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletions;
    Check("io_uring_queue_init", io_uring_queue_init_params(kSubmissions, &ring_, &params));
    Check("io_uring_register_ring_fd", io_uring_register_ring_fd(&ring_));
    Check("io_uring_register_files_sparse",
          io_uring_register_files_sparse(&ring_, static_cast<unsigned>(connections)));
    ProvideBuffers();
    ArmAccept();
  }

  [[noreturn]] void Run() {
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* completion = nullptr;
      io_uring_for_each_cqe(&ring_, head, completion) {
        Handle(*completion);
        ++count;
      }
      io_uring_cq_advance(&ring_, count);
    }
  }

 private:
  static void Check(const char* what, int result) {
    if (result < 0) echogw_bench::Fail(what, -result);
  }

  static void* Map(std::size_t size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) echogw_bench::Fail("mmap");
    return memory;
  }

  void ProvideBuffers() {
    buffers_ = static_cast<char*>(Map(kBuffers * echogw_bench::kBufferBytes));
    buffer_ring_ = static_cast<io_uring_buf_ring*>(Map(kBuffers * sizeof(io_uring_buf)));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
    registration.ring_entries = kBuffers;
    registration.bgid = kBufferGroup;
    Check("io_uring_register_buf_ring", io_uring_register_buf_ring(&ring_, &registration, 0));
    io_uring_buf_ring_init(buffer_ring_);
    for (unsigned i = 0; i < kBuffers; ++i) Return(static_cast<int>(i));
  }

  char* Buffer(int id) {
    return buffers_ + static_cast<std::size_t>(id) * echogw_bench::kBufferBytes;
  }

  void Return(int id) {
    io_uring_buf_ring_add(buffer_ring_, Buffer(id), echogw_bench::kBufferBytes,
                          static_cast<unsigned short>(id), io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(buffer_ring_, 1);
  }

  io_uring_sqe* Next(Op op, int slot) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    // The prep calls below leave user_data alone.
    entry->user_data = Tag(op, slot);
    return entry;
  }

  static std::uint64_t Tag(Op op, int slot) {
    return static_cast<std::uint64_t>(op) << 32 | static_cast<unsigned>(slot);
  }

  void ArmAccept() {
    io_uring_prep_multishot_accept_direct(Next(Op::kAccept, 0), listener_, nullptr, nullptr, 0);
  }

  void ArmReceive(int slot) {
    io_uring_sqe* entry = Next(Op::kReceive, slot);
    io_uring_prep_recv_multishot(entry, slot, nullptr, 0, 0);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry->buf_group = kBufferGroup;
    Connection& connection = At(slot);
    connection.receiving = true;
    connection.stopping = false;
  }

  void StopReceive(int slot) {
    io_uring_prep_cancel64(Next(Op::kIgnore, slot), Tag(Op::kReceive, slot), 0);
    At(slot).stopping = true;
  }

  void SendFirst(int slot) {
    Connection& connection = At(slot);
    io_uring_sqe* entry = Next(Op::kSend, slot);
    // MSG_WAITALL: the kernel continues after a short send, so there is one completion.
    io_uring_prep_send(entry, slot, Buffer(connection.first), FilledAt(connection.first).size,
                       MSG_NOSIGNAL | MSG_WAITALL);
    entry->flags |= IOSQE_FIXED_FILE;
    connection.sending = true;
  }

  void Handle(const io_uring_cqe& completion) {
    const auto slot = static_cast<int>(completion.user_data & 0xffffffff);
    switch (static_cast<Op>(completion.user_data >> 32)) {
      case Op::kAccept:
        if (completion.res >= 0) ArmReceive(completion.res);
        if ((completion.flags & IORING_CQE_F_MORE) == 0) ArmAccept();
        break;
      case Op::kReceive:
        Received(slot, completion);
        break;
      case Op::kSend:
        Sent(slot, completion.res);
        break;
      case Op::kIgnore:
        break;
    }
  }

  void Received(int slot, const io_uring_cqe& completion) {
    Connection& connection = At(slot);
    if ((completion.flags & IORING_CQE_F_MORE) == 0) connection.receiving = false;
    if (completion.res > 0) {
      Append(connection, static_cast<int>(completion.flags >> IORING_CQE_BUFFER_SHIFT),
             static_cast<unsigned>(completion.res));
      if (!connection.sending) SendFirst(slot);
      const bool full = connection.queued >= kQueuedMax;
      if (full && connection.receiving && !connection.stopping) StopReceive(slot);
      if (!full && !connection.receiving) ArmReceive(slot);
    } else if (completion.res == -ENOBUFS) {
      if (connection.queued == 0)
        starved_.push_back(slot);  // otherwise it continues after its sends
    } else if (completion.res != -ECANCELED) {
      connection.over = true;
      connection.failed = connection.failed || completion.res < 0;
    }
    Settle(slot);
  }

  void Sent(int slot, int result) {
    Connection& connection = At(slot);
    connection.sending = false;
    if (result != static_cast<int>(FilledAt(connection.first).size)) connection.failed = true;
    DropFirst(connection);
    if (connection.queued > 0 && !connection.failed) SendFirst(slot);
    Settle(slot);
  }

  // With nothing in flight: the next receive, or the end.
  void Settle(int slot) {
    Connection& connection = At(slot);
    if (connection.sending) return;
    while (connection.failed && connection.queued > 0) DropFirst(connection);
    if (connection.receiving) {
      if (connection.failed && !connection.stopping) StopReceive(slot);
      return;
    }
    if (connection.over || connection.failed) {
      connection = Connection();
      io_uring_prep_close_direct(Next(Op::kIgnore, slot), static_cast<unsigned>(slot));
    } else if (starved_.empty() || starved_.back() != slot) {
      ArmReceive(slot);
    }
  }

  void Append(Connection& connection, int id, unsigned size) {
    FilledAt(id) = {size, kNone};
    if (connection.queued++ == 0) {
      connection.first = id;
    } else {
      FilledAt(connection.last).next = id;
    }
    connection.last = id;
  }

  void DropFirst(Connection& connection) {
    const int id = connection.first;
    connection.first = FilledAt(id).next;
    --connection.queued;
    Return(id);
    // A receive had no buffer; now there is one.
    while (!starved_.empty()) {
      ArmReceive(starved_.back());
      starved_.pop_back();
    }
  }

  Connection& At(int slot) { return connections_[static_cast<std::size_t>(slot)]; }
  Filled& FilledAt(int id) { return filled_[static_cast<std::size_t>(id)]; }

  const int listener_;
  io_uring ring_{};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  std::vector<Connection> connections_;  // by place in the ring's file table
  std::vector<Filled> filled_;           // by buffer
  std::vector<int> starved_;             // connections that found no buffer
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  const std::size_t descriptors = echogw_bench::RaiseOpenFiles();
  Server server(echogw_bench::Listen(port, 0), descriptors);
  server.Run();
}
