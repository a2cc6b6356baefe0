// requant: a vector of int32 accumulators -> int8, `Lanes` independent channels per cycle.
//   y[l] = clamp(zero_point + scale(v, mult[l], shift[l]), low, high), see requant_lane
// Golden: accel_models.arithmetic.requantize of wrap32(acc + bias), in training of clip(acc + bias, +-bound). Latency 3, throughput one vector per cycle.
// The stages move together: a stalled output holds all of them. Combinational path: ready_i -> ready_o.
`default_nettype none
module requant #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned MultW = 31  // multiplier precision: 31, or 16 (low half of mult_i zero)
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,
  input  wire logic             [1:0] rounding_i,    // this and all up to shift_i: constant while vectors are in flight
  input  wire logic                   training_i,
  input  wire logic            [30:0] bound_i,
  input  wire logic             [4:0] random_bits_i,
  input  wire logic             [7:0] zero_point_i,
  input  wire logic             [7:0] low_i,
  input  wire logic             [7:0] high_i,
  input  wire logic [Lanes-1:0][31:0] bias_i,
  input  wire logic [Lanes-1:0][30:0] mult_i,
  input  wire logic  [Lanes-1:0][5:0] shift_i,
  input  wire logic                   valid_i,
  output      logic                   ready_o,
  input  wire logic            [31:0] index_i,       // of lane 0
  input  wire logic [Lanes-1:0][31:0] acc_i,
  output      logic                   valid_o,
  input  wire logic                   ready_i,
  output      logic  [Lanes-1:0][7:0] data_o
);
  logic [1:0] valid_q;  // bias and product stages; valid_o is the third

  assign ready_o = !valid_o || ready_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (ready_o) begin
      valid_q <= {valid_q[0], valid_i};
      valid_o <= valid_q[1];
    end
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    // Range and updates are the vector engine's.
    // verilator lint_off PINCONNECTEMPTY
    requant_lane #(
      .MultW(MultW)
    ) u_lane (
      .clk_i        (clk_i),
      .enable_i     (ready_o),
      .rounding_i   (rounding_i),
      .training_i   (training_i),
      .bound_i      (bound_i),
      .subtract_i   (1'b0),
      .low_i        (16'($signed(low_i))),
      .high_i       (16'($signed(high_i))),
      .bias_i       (bias_i[l]),
      .mult_i       (mult_i[l]),
      .shift_i      (shift_i[l]),
      .offset_i     (16'($signed(zero_point_i))),
      .zero_i       (1'b0),
      .random_bits_i(random_bits_i),
      .index_i      (index_i + l),
      .acc_i        (acc_i[l]),
      .sum_o        (),
      .data_o       (data_o[l]),
      .upper_o      (),
      .counted_o    (),
      .lost_o       ()
    );
    // verilator lint_on PINCONNECTEMPTY
  end
endmodule
`default_nettype wire
