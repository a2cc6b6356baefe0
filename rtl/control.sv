// control: from the fetched commands to the starts of the four engines.
//   dispatcher, and per engine a queue and a front; token counters and scalar registers between them
// Golden: accel_models.timing without the engines. Latency: an engine starts in the cycle after its command leaves the
// fetch stream, when its tokens are there. Combinational paths: command_i -> push into a queue; start_ready_i ->
// command_ready_o through front and queue; done_i -> error.
`default_nettype none
module control #(
  parameter  int unsigned QueueDepth = 8,
  parameter  int unsigned TokenDepth = 63,
  localparam int unsigned CommandW   = accel_pkg::CommandW,
  localparam int unsigned Engines    = accel_pkg::Engines,
  localparam int unsigned Registers  = accel_pkg::Registers,
  localparam int unsigned IndexW     = $clog2(Registers)
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,
  input  wire logic                             start_i,          // one segment; pulse, ignored while busy
  output      logic                             busy_o,
  output      logic                             done_o,           // last busy cycle
  output      logic                             failed_o,         // the same, with an error
  output      logic                       [3:0] cause_o,          // with failed_o
  output      logic                             dispatched_o,     // a command left the fetch stream
  output      logic                             fetch_start_o,    // command_fetch
  output      logic                             fetch_stop_o,
  input  wire logic                             fetch_busy_i,
  input  wire logic                             command_valid_i,
  output      logic                             command_ready_o,
  input  wire logic              [CommandW-1:0] command_i,
  output      logic               [Engines-1:0] start_valid_o,    // engines
  input  wire logic               [Engines-1:0] start_ready_i,
  output      logic [Engines-1:0][CommandW-1:0] command_o,
  input  wire logic               [Engines-1:0] done_i,
  input  wire logic               [Engines-1:0] stall_i,
  input  wire logic                             error_i,          // of fetch or an engine, while busy
  input  wire logic                       [3:0] error_cause_i,
  output      logic               [Engines-1:0] engine_busy_o,    // for the counters
  output      logic               [Engines-1:0] engine_stalled_o,
  input  wire logic                             scalar_write_i,   // vector engine
  input  wire logic                [IndexW-1:0] scalar_index_i,
  input  wire logic                      [31:0] scalar_data_i,
  input  wire logic                             host_write_i,
  input  wire logic                [IndexW-1:0] host_index_i,
  input  wire logic                      [31:0] host_data_i,
  output      logic       [Registers-1:0][31:0] scalar_o
);
  logic [Engines-1:0] push_valid, push_ready, queue_empty, idle, running, blocked, available, take, give, bad;
  logic [Engines-1:0][Engines-1:0] wait_mask, signal_mask;
  logic       halt, flush, overflow, error;
  logic [3:0] error_cause;

  assign error = error_i || overflow || bad != '0;
  always_comb begin
    error_cause = error_cause_i;
    if (!error_i) error_cause = overflow ? accel_pkg::CauseTokenOverflow : accel_pkg::CauseRegisterRange;
  end

  dispatcher u_dispatcher (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start_i),
    .busy_o         (busy_o),
    .done_o         (done_o),
    .failed_o       (failed_o),
    .cause_o        (cause_o),
    .dispatched_o   (dispatched_o),
    .command_valid_i(command_valid_i),
    .command_ready_o(command_ready_o),
    .command_i      (command_i),
    .fetch_start_o  (fetch_start_o),
    .fetch_stop_o   (fetch_stop_o),
    .fetch_busy_i   (fetch_busy_i),
    .push_valid_o   (push_valid),
    .push_ready_i   (push_ready),
    .queue_empty_i  (queue_empty),
    .idle_i         (idle),
    .running_i      (running),
    .blocked_i      (blocked),
    .error_i        (error),
    .error_cause_i  (error_cause),
    .halt_o         (halt),
    .flush_o        (flush)
  );

  for (genvar e = 0; e < Engines; e++) begin : gen_engine
    logic                valid, ready, queued;
    logic [CommandW-1:0] command;

    command_queue #(
      .Depth(QueueDepth),
      .Width(CommandW)
    ) u_queue (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .flush_i     (flush),
      .held_i      (queued),
      .push_valid_i(push_valid[e]),
      .push_ready_o(push_ready[e]),
      .push_data_i (command_i),
      .pop_valid_o (valid),
      .pop_ready_i (ready),
      .pop_data_o  (command),
      .empty_o     (queue_empty[e])
    );

    engine_front u_front (
      .clk_i           (clk_i),
      .rst_ni          (rst_ni),
      .flush_i         (flush),
      .halt_i          (halt),
      .command_valid_i (valid),
      .command_ready_o (ready),
      .command_i       (command),
      .queued_o        (queued),
      .wait_o          (wait_mask[e]),
      .available_i     (available[e]),
      .take_o          (take[e]),
      .give_o          (give[e]),
      .signal_o        (signal_mask[e]),
      .registers_i     (scalar_o),
      .start_valid_o   (start_valid_o[e]),
      .start_ready_i   (start_ready_i[e]),
      .command_o       (command_o[e]),
      .done_i          (done_i[e]),
      .stall_i         (stall_i[e]),
      .idle_o          (idle[e]),
      .running_o       (running[e]),
      .blocked_o       (blocked[e]),
      .busy_o          (engine_busy_o[e]),
      .stalled_o       (engine_stalled_o[e]),
      .register_error_o(bad[e])
    );
  end

  token_counters #(
    .Depth(TokenDepth)
  ) u_tokens (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .flush_i    (flush),
    .wait_i     (wait_mask),
    .available_o(available),
    .take_i     (take),
    .give_i     (give),
    .signal_i   (signal_mask),
    .overflow_o (overflow)
  );

  register_file u_registers (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .write_i     (scalar_write_i),
    .index_i     (scalar_index_i),
    .data_i      (scalar_data_i),
    .host_write_i(host_write_i),
    .host_index_i(host_index_i),
    .host_data_i (host_data_i),
    .value_o     (scalar_o)
  );
endmodule
`default_nettype wire
