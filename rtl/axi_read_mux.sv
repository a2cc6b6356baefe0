// axi_read_mux: command fetches and loads share the read channels of one AXI4 master; fetches go first.
//   address phases: a fetch before a load, but one that is offered stays until it is taken; data: in the same order
// Golden: the order of accel_models.timing, where the dispatcher never waits behind a load that has not started.
// Latency 0. At most Outstanding bursts are under way.
// Combinational paths: between the two sides in both directions; an address phase never waits for data.
`default_nettype none
module axi_read_mux #(
  parameter int unsigned BusBytes    = 8,
  parameter int unsigned Outstanding = 32
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  fetch_ar_valid_i,
  output      logic                  fetch_ar_ready_o,
  input  wire logic           [31:0] fetch_ar_addr_i,
  input  wire logic            [7:0] fetch_ar_len_i,
  output      logic                  fetch_r_valid_o,
  input  wire logic                  fetch_r_ready_i,
  input  wire logic                  load_ar_valid_i,
  output      logic                  load_ar_ready_o,
  input  wire logic           [31:0] load_ar_addr_i,
  input  wire logic            [7:0] load_ar_len_i,
  output      logic                  load_r_valid_o,
  input  wire logic                  load_r_ready_i,
  output      logic [8*BusBytes-1:0] r_data_o,          // to both
  output      logic                  r_error_o,
  output      logic                  ar_valid_o,        // AXI4 master
  input  wire logic                  ar_ready_i,
  output      logic           [31:0] ar_addr_o,
  output      logic            [7:0] ar_len_o,
  input  wire logic                  r_valid_i,
  output      logic                  r_ready_o,
  input  wire logic [8*BusBytes-1:0] r_data_i,
  input  wire logic            [1:0] r_resp_i,
  input  wire logic                  r_last_i
);
  logic load_q, held_q, load, room, sent, due_valid, due_load, r_done, unused_okay;
  assign load             = held_q ? load_q : !fetch_ar_valid_i;
  assign ar_valid_o       = room && (load ? load_ar_valid_i : fetch_ar_valid_i);
  assign ar_addr_o        = load ? load_ar_addr_i : fetch_ar_addr_i;
  assign ar_len_o         = load ? load_ar_len_i : fetch_ar_len_i;
  assign sent             = ar_valid_o && ar_ready_i;
  assign fetch_ar_ready_o = room && !load && ar_ready_i;
  assign load_ar_ready_o  = room && load && ar_ready_i;

  fifo #(
    .Width(1),
    .Depth(Outstanding)
  ) u_order (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .valid_i(sent),
    .ready_o(room),
    .data_i (load),
    .valid_o(due_valid),
    .ready_i(r_done),
    .data_o (due_load)
  );
  assign fetch_r_valid_o = r_valid_i && due_valid && !due_load;
  assign load_r_valid_o  = r_valid_i && due_valid && due_load;
  assign r_ready_o       = due_valid && (due_load ? load_r_ready_i : fetch_r_ready_i);
  assign r_done          = r_valid_i && r_ready_o && r_last_i;
  assign r_data_o        = r_data_i;
  assign r_error_o       = r_resp_i[1];
  assign unused_okay     = r_resp_i[0];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      held_q <= 1'b0;
      load_q <= 1'b0;
    end else begin
      held_q <= ar_valid_o && !ar_ready_i;
      load_q <= load;
    end
  end
endmodule
`default_nettype wire
