// counters: the performance counters, accel_models.registers.Counter.
//   every cycle each counter adds its input; value_o is counter index_i, zero-extended to 64 bits
// Golden: accel_models.timing (busy, stalled, cycles) and accel_models.counts (bytes, macs). Latency 1.
// Combinational path: index_i -> value_o. A counter wraps at CounterW bits, after days.
`default_nettype none
module counters #(
  parameter  int unsigned BytesMax = 16,                 // bytes in a cycle
  parameter  int unsigned MacsMax  = 256,                // products in a cycle
  localparam int unsigned Engines  = accel_pkg::Engines,
  localparam int unsigned Counters = accel_pkg::Counters,
  localparam int unsigned CounterW = 48,
  localparam int unsigned IndexW   = $clog2(Counters),
  localparam int unsigned BytesW   = $clog2(BytesMax + 1),
  localparam int unsigned MacsW    = $clog2(MacsMax + 1)
) (
  input  wire logic               clk_i,
  input  wire logic               rst_ni,
  input  wire logic               clear_i,
  input  wire logic               cycle_i,
  input  wire logic               command_i,
  input  wire logic [Engines-1:0] busy_i,
  input  wire logic [Engines-1:0] stalled_i,
  input  wire logic  [BytesW-1:0] bytes_read_i,
  input  wire logic  [BytesW-1:0] bytes_written_i,
  input  wire logic   [MacsW-1:0] macs_i,
  input  wire logic  [IndexW-1:0] index_i,
  output      logic        [63:0] value_o
);
  logic [Counters-1:0][CounterW-1:0] count_q, add;

  always_comb begin
    add = '0;
    add[accel_pkg::CounterCycles]   = CounterW'(cycle_i);
    add[accel_pkg::CounterCommands] = CounterW'(command_i);
    for (int unsigned e = 0; e < Engines; e++) begin
      add[accel_pkg::CounterLoadBusy+e]    = CounterW'(busy_i[e]);
      add[accel_pkg::CounterLoadStalled+e] = CounterW'(stalled_i[e]);
    end
    add[accel_pkg::CounterBytesRead]    = CounterW'(bytes_read_i);
    add[accel_pkg::CounterBytesWritten] = CounterW'(bytes_written_i);
    add[accel_pkg::CounterMacs]         = CounterW'(macs_i);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else begin
      for (int unsigned c = 0; c < Counters; c++) count_q[c] <= clear_i ? '0 : count_q[c] + add[c];
    end
  end

  assign value_o = (32'(index_i) < Counters) ? 64'(count_q[index_i]) : '0;
endmodule
`default_nettype wire
