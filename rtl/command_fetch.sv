// command_fetch: reads commands one after the other, from an address on until End.
//   command i = bytes address + 64*i .. + 63; one burst each, at most Depth commands asked for or waiting
// Golden: accel_models.program.Program.commands of a segment. Cycles: accel_models.cost.fetch.
// start_i in cycle 0, first address phase in cycle 1; a command is offered in the cycle after its last beat came, one
// per 64/BusBytes cycles at full bandwidth. What was asked for beyond End, flush_i or an error is dropped as it comes:
// start_i only while busy_o is low. Combinational paths: r_valid_i, r_error_i -> error_o; r_ready_o is high.
`default_nettype none
module command_fetch #(
  parameter int unsigned BusBytes = 8,
  parameter int unsigned Depth    = 4  // commands, a power of two
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  start_i,
  input  wire logic           [31:6] address_i,        // of the first command: they are aligned to their size
  input  wire logic                  flush_i,          // forget everything
  output      logic                  busy_o,           // commands are read, or beats still to be dropped
  output      logic                  error_o,          // the bus answered with an error
  output      logic                  ar_valid_o,
  input  wire logic                  ar_ready_i,
  output      logic           [31:0] ar_addr_o,
  output      logic            [7:0] ar_len_o,
  input  wire logic                  r_valid_i,
  output      logic                  r_ready_o,
  input  wire logic [8*BusBytes-1:0] r_data_i,
  input  wire logic                  r_error_i,
  output      logic                  command_valid_o,
  input  wire logic                  command_ready_i,
  output      logic          [511:0] command_o
);
  localparam int unsigned Beats  = accel_pkg::CommandBytes / BusBytes;
  localparam int unsigned BeatW  = $clog2(Beats);
  localparam int unsigned SlotW  = $clog2(Depth);
  localparam int unsigned CountW = $clog2(Depth + 1);

  logic running_q;  // End has not come yet
  logic drop_q;     // beats that come belong to nobody
  logic held_q;     // an address phase has been offered and not taken

  // Address phases.
  logic       [31:6] address_q;
  logic [CountW-1:0] asked_q, stored_q;  // commands on their way, and waiting to be taken
  logic              asked, arrived;
  assign ar_valid_o = held_q || (running_q && 32'(asked_q) + 32'(stored_q) < Depth);
  assign ar_addr_o  = {address_q, 6'd0};
  assign ar_len_o   = 8'(Beats - 1);
  assign asked      = ar_valid_o && ar_ready_i;
  assign busy_o     = running_q || held_q || asked_q != '0;

  // Beats.
  logic [8*BusBytes-1:0] words_q [Depth * Beats];
  logic      [BeatW-1:0] beat_q;
  logic      [SlotW-1:0] write_q, read_q;
  logic is_end, is_end_q, keep, taken;
  assign r_ready_o       = 1'b1;
  assign arrived         = r_valid_i && beat_q == BeatW'(Beats - 1);
  assign is_end          = (beat_q == '0) ? r_data_i[7:0] == accel_pkg::OpcodeEnd : is_end_q;
  assign error_o         = r_valid_i && r_error_i && !drop_q;
  assign keep            = r_valid_i && !drop_q && !r_error_i && !flush_i;
  assign command_valid_o = stored_q != '0;
  assign taken           = command_valid_o && command_ready_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      running_q <= 1'b0;
      drop_q    <= 1'b0;
      held_q    <= 1'b0;
      asked_q   <= '0;
      stored_q  <= '0;
      beat_q    <= '0;
      write_q   <= '0;
      read_q    <= '0;
    end else begin
      held_q  <= ar_valid_o && !ar_ready_i;
      asked_q <= asked_q + CountW'(asked) - CountW'(arrived);
      beat_q  <= beat_q + BeatW'(r_valid_i);
      if (start_i) begin
        running_q <= 1'b1;
        drop_q    <= 1'b0;
      end else if (flush_i || error_o) begin
        running_q <= 1'b0;
        drop_q    <= 1'b1;
      end else if (keep && is_end) begin
        running_q <= 1'b0;
        if (arrived) drop_q <= 1'b1;
      end
      if (start_i || flush_i) begin
        stored_q <= '0;
        write_q  <= '0;
        read_q   <= '0;
      end else begin
        stored_q <= stored_q + CountW'(arrived && keep) - CountW'(taken);
        write_q  <= write_q + SlotW'(arrived && keep);
        read_q   <= read_q + SlotW'(taken);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) address_q <= address_i;
    else if (asked) address_q <= address_q + 26'd1;
    if (r_valid_i && beat_q == '0) is_end_q <= is_end;
    if (keep) words_q[{write_q, beat_q}] <= r_data_i;
  end

  for (genvar beat = 0; beat < int'(Beats); beat++) begin : gen_word
    assign command_o[8*BusBytes*beat +: 8*BusBytes] = words_q[{read_q, BeatW'(beat)}];
  end
endmodule
`default_nettype wire
