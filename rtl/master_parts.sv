// master_parts: results of the requantizer as vectors of bytes.
//   one byte each, or, wide, three vectors of a value: both halves of the 16-bit results, little endian, then
//   view = clamp((result + 2^(fraction_bits-1)) >>> fraction_bits, +-127)
// Golden: accel_models.golden.training.update, arithmetic.master_view. Latency 0: of a wide value the first vector is there
// with it, the others with the two valid_i that follow. Combinational paths: low_i, high_i -> data_o.
`default_nettype none
module master_parts #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                    clk_i,
  input  wire logic                    start_i,          // a command starts; nothing is in flight
  input  wire logic                    advance_i,
  input  wire logic                    wide_i,
  input  wire logic              [3:0] fraction_bits_i,
  input  wire logic                    valid_i,          // a vector leaves, if advance_i
  input  wire logic [Columns-1:0][7:0] low_i,
  input  wire logic [Columns-1:0][7:0] high_i,
  output      logic                    first_o,          // it is the first of a value
  output      logic [Columns-1:0][7:0] data_o
);
  logic               [1:0] part_q;
  logic [Columns-1:0][15:0] held_q, masters;
  logic    [16*Columns-1:0] bytes;
  logic  [Columns-1:0][7:0] view;
  logic signed       [16:0] rounded, half;

  assign first_o = part_q == 2'd0;
  assign half    = $signed((17'd1 << fraction_bits_i) >> 1);

  always_comb begin
    for (int unsigned l = 0; l < Columns; l++) begin
      masters[l] = first_o ? {high_i[l], low_i[l]} : held_q[l];
      rounded = (17'($signed(masters[l])) + half) >>> fraction_bits_i;
      view[l] = (rounded > 17'sd127) ? 8'd127 : (rounded < -17'sd127) ? 8'h81 : rounded[7:0];
    end
    bytes = masters;
    unique case (part_q)
      2'd0:    data_o = wide_i ? bytes[8*Columns-1:0] : low_i;
      2'd1:    data_o = bytes[16*Columns-1:8*Columns];
      default: data_o = view;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (start_i) part_q <= 2'd0;
    else if (advance_i && valid_i && wide_i) part_q <= (part_q == 2'd2) ? 2'd0 : part_q + 2'd1;
    if (advance_i && first_o) held_q <= masters;
  end
endmodule
`default_nettype wire
