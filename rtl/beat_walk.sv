// beat_walk: the scratchpad side of a transfer, one bus beat or one vector of a fill after the other.
//   beat: bytes skip .. skip+count-1 of the bus word belong to scratchpad bytes address .. address+count-1
// Golden: the bytes of accel_models.golden.transfer._copy and fill. The beat after next_i stands at the outputs in the
// next cycle. Only the first beat of a run skips, only the first and the last are not full.
// Combinational path: none. All inputs but start_i and next_i hold still after start_i.
`default_nettype none
module beat_walk #(
  parameter  int unsigned BusBytes    = 8,
  parameter  int unsigned VectorBytes = 8,  // of a fill
  localparam int unsigned OffsetW     = $clog2(BusBytes),
  localparam int unsigned MostBytes   = (BusBytes > VectorBytes) ? BusBytes : VectorBytes,
  localparam int unsigned CountW      = $clog2(MostBytes + 1)
) (
  input  wire logic               clk_i,
  input  wire logic               start_i,
  input  wire logic               fill_i,              // vectors instead of beats; the bus is not looked at
  input  wire logic [OffsetW-1:0] bus_address_i,       // place in the bus word
  input  wire logic [OffsetW-1:0] bus_row_stride_i,
  input  wire logic [OffsetW-1:0] bus_plane_stride_i,  // 0 with a row list: offsets are whole beats
  input  wire logic        [19:0] pad_address_i,
  input  wire logic        [19:0] pad_row_stride_i,
  input  wire logic        [19:0] pad_plane_stride_i,
  input  wire logic        [19:0] row_bytes_i,
  input  wire logic        [15:0] rows_i,
  input  wire logic        [15:0] planes_i,
  input  wire logic               next_i,
  output      logic        [20:0] address_o,           // bit 20: the first beyond what an address can say
  output      logic [OffsetW-1:0] skip_o,
  output      logic  [CountW-1:0] count_o,
  output      logic               last_o
);
  logic             plane_end, last_run, run_end, next_run, unused_carry;
  logic      [20:0] run;
  logic [OffsetW:0] bus_run;
  run_walk u_walk (
    .clk_i      (clk_i),
    .start_i    (start_i),
    .rows_i     (rows_i),
    .planes_i   (planes_i),
    .next_i     (next_run),
    .plane_end_o(plane_end),
    .last_o     (last_run)
  );
  run_address #(
    .Width(20)
  ) u_pad_address (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .address_i     (pad_address_i),
    .row_stride_i  (pad_row_stride_i),
    .plane_stride_i(pad_plane_stride_i),
    .next_i        (next_run),
    .plane_end_i   (plane_end),
    .listed_i      (1'b0),
    .address_o     (run)
  );
  run_address #(
    .Width(OffsetW)
  ) u_bus_address (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .address_i     (bus_address_i),
    .row_stride_i  (bus_row_stride_i),
    .plane_stride_i(bus_plane_stride_i),
    .next_i        (next_run),
    .plane_end_i   (plane_end),
    .listed_i      (1'b0),
    .address_o     (bus_run)
  );
  assign unused_carry = bus_run[OffsetW];

  // Inside a run, address_q and bytes_q say what is left of it.
  logic              inside_q;
  logic       [20:0] address_q, after;
  logic       [19:0] bytes_q, bytes_left;
  logic [CountW-1:0] room;
  assign skip_o     = (inside_q || fill_i) ? '0 : bus_run[OffsetW-1:0];
  assign room       = fill_i ? CountW'(VectorBytes) : CountW'(BusBytes) - CountW'(skip_o);
  assign bytes_left = inside_q ? bytes_q : row_bytes_i;
  assign address_o  = inside_q ? address_q : run;
  assign run_end    = bytes_left <= 20'(room);
  assign count_o    = run_end ? CountW'(bytes_left) : room;
  assign last_o     = run_end && last_run;
  assign next_run   = next_i && run_end;
  assign after      = {1'b0, address_o[19:0]} + 21'(count_o);

  always_ff @(posedge clk_i) begin
    if (start_i) inside_q <= 1'b0;
    else if (next_i) inside_q <= !run_end;
    if (next_i) begin
      address_q <= after;
      bytes_q   <= bytes_left - 20'(count_o);
    end
  end
endmodule
`default_nettype wire
