// matrix_engine_bench: matrix_engine with a scratchpad, for its test. Not part of the accelerator.
//   share_i: activations and weights meet in one scratchpad, as in the accelerator; else each has its own copy and both
//   are always granted. deny_*_i withhold random grants.
// Golden: accel_models.golden.matrix.matrix_tile. Combinational paths: do not matter here.
`default_nettype none
module matrix_engine_bench #(
  parameter  int unsigned Rows      = 4,
  parameter  int unsigned Columns   = 4,
  parameter  int unsigned Entries   = 128,
  parameter  int unsigned PadBytes  = 32768,
  parameter  int unsigned Banks     = 8,
  localparam int unsigned BusBytes  = 8,
  localparam int unsigned Lanes     = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned WordBytes = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes),
  localparam int unsigned LanesW    = $clog2(Lanes + 1),
  localparam int unsigned CountW    = $clog2(WordBytes + 1),
  localparam int unsigned EntryW    = $clog2(Entries),
  localparam int unsigned MacsW     = $clog2(Rows * Columns + 1)
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      share_i,
  input  wire logic                      deny_act_i,
  input  wire logic                      deny_weight_i,
  input  wire logic                      start_valid_i,
  output      logic                      start_ready_o,
  input  wire logic              [511:0] command_i,
  output      logic                      done_o,
  input  wire logic                      load_i,        // one word into the scratchpads, always granted while idle
  input  wire logic               [19:0] load_addr_i,
  input  wire logic [WordBytes-1:0][7:0] load_data_i,
  input  wire logic                      sums_read_i,
  input  wire logic         [EntryW-1:0] sums_entry_i,
  output      logic  [Columns-1:0][31:0] sums_data_o,
  output      logic               [31:0] stalls_o,      // since reset
  output      logic               [31:0] macs_o,
  output      logic                [2:0] errors_o       // seen since the last start: entry, field, scratchpad
);
  logic act_valid, act_ready, weight_valid, weight_ready, stalled, bad_field, bad_entry;
  logic [20:0] act_addr, weight_addr;
  logic [LanesW-1:0] act_skip, act_count, weight_count;
  logic [Lanes-1:0][7:0] act_data, weight_data;
  logic [MacsW-1:0] macs;
  logic [1:0] deny, ready, errors;
  logic [1:0][Lanes-1:0][7:0] found;

  matrix_engine #(
    .Rows   (Rows),
    .Columns(Columns),
    .Entries(Entries)
  ) u_engine (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_valid_i (start_valid_i),
    .start_ready_o (start_ready_o),
    .command_i     (command_i),
    .done_o        (done_o),
    .stalled_o     (stalled),
    .bad_field_o   (bad_field),
    .bad_entry_o   (bad_entry),
    .macs_o        (macs),
    .act_valid_o   (act_valid),
    .act_ready_i   (act_ready && !deny[0]),
    .act_addr_o    (act_addr),
    .act_skip_o    (act_skip),
    .act_count_o   (act_count),
    .act_data_i    (act_data),
    .weight_valid_o(weight_valid),
    .weight_ready_i(weight_ready && !deny[1]),
    .weight_addr_o (weight_addr),
    .weight_count_o(weight_count),
    .weight_data_i (weight_data),
    .sums_read_i   (sums_read_i),
    .sums_entry_i  (sums_entry_i),
    .sums_data_o   (sums_data_o)
  );

  // Pad 0 serves the activations, and the weights where share_i says so; pad 1 the weights else.
  for (genvar p = 0; p < 2; p++) begin : gen_pad
    logic unused_act_ready, unused_vread_ready, unused_vwrite_ready, unused_sread_ready, unused_lwrite_ready;
    logic [Lanes-1:0][7:0] pad_act;
    logic [Columns-1:0][7:0] unused_vread_data;
    logic [BusBytes-1:0][7:0] unused_sread_data;
    logic [31:0] unused_list_data;
    scratchpad #(
      .Rows    (Rows),
      .Columns (Columns),
      .PadBytes(PadBytes),
      .Banks   (Banks),
      .BusBytes(BusBytes)
    ) u_pad (
      .clk_i         (clk_i),
      .act_valid_i   (p == 0 && act_valid && !deny[0]),
      .act_ready_o   (unused_act_ready),
      .act_addr_i    (act_addr),
      .act_skip_i    (act_skip),
      .act_count_i   (act_count),
      .act_data_o    (pad_act),
      .weight_valid_i(weight_valid && !deny[1] && share_i == (p == 0)),
      .weight_ready_o(ready[p]),
      .weight_addr_i (weight_addr),
      .weight_count_i(weight_count),
      .weight_data_o (found[p]),
      .vread_valid_i (1'b0),
      .vread_ready_o (unused_vread_ready),
      .vread_addr_i  ('0),
      .vread_count_i ('0),
      .vread_data_o  (unused_vread_data),
      .vwrite_valid_i(1'b0),
      .vwrite_ready_o(unused_vwrite_ready),
      .vwrite_addr_i ('0),
      .vwrite_count_i('0),
      .vwrite_data_i ('0),
      .sread_valid_i (1'b0),
      .sread_ready_o (unused_sread_ready),
      .sread_addr_i  ('0),
      .sread_count_i ('0),
      .sread_data_o  (unused_sread_data),
      .lwrite_valid_i(load_i),
      .lwrite_list_i (1'b0),
      .lwrite_ready_o(unused_lwrite_ready),
      .lwrite_addr_i (load_addr_i),
      .lwrite_count_i(CountW'(WordBytes)),
      .lwrite_data_i (load_data_i),
      .list_data_o   (unused_list_data),
      .error_o       (errors[p])
    );
    if (p == 0) begin : gen_act
      assign act_data  = pad_act;
      assign act_ready = unused_act_ready;
    end else begin : gen_no_act
      logic unused;
      assign unused = ^pad_act;
    end
  end
  assign weight_ready = share_i ? ready[0] : ready[1];
  assign weight_data  = share_i ? found[0] : found[1];

  logic [15:0] noise_q;
  assign deny = {deny_weight_i && noise_q[0] && !noise_q[7], deny_act_i && noise_q[3]};
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      noise_q  <= 16'hACE1;
      stalls_o <= '0;
      macs_o   <= '0;
      errors_o <= '0;
    end else begin
      noise_q  <= {noise_q[14:0], noise_q[15] ^ noise_q[13] ^ noise_q[12] ^ noise_q[10]};
      stalls_o <= stalls_o + 32'(stalled);
      macs_o   <= macs_o + 32'(macs);
      errors_o <= ((start_valid_i && start_ready_o) ? '0 : errors_o) | {bad_entry, bad_field, errors != '0};
    end
  end
endmodule
`default_nettype wire
