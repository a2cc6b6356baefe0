// patch_compare: whether the two operands of a patch differ, and where its mark goes.
//   changed = |a - b| > threshold in any lane in use of any step of the patch
//   word = {place, changed}, place = output + offset; one beyond 20 bits becomes 2^20, for the scratchpad to find
// Golden: accel_models.golden.patches.compare. Latency 0: the last step of a patch has its word, which counts that step.
// Combinational path: all inputs -> word_o.
`default_nettype none
module patch_compare #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                    clk_i,
  input  wire logic                    start_i,      // a command starts; threshold and output hold still from here on
  input  wire logic              [8:0] threshold_i,  // signed
  input  wire logic             [19:0] output_i,
  input  wire logic             [31:0] offset_i,     // of the patch
  input  wire logic                    pair_i,       // both operands are there; counts if advance_i
  input  wire logic                    last_i,       // the last ones of the patch
  input  wire logic                    advance_i,
  input  wire logic [Columns-1:0][7:0] a_i,
  input  wire logic [Columns-1:0][7:0] b_i,
  input  wire logic      [Columns-1:0] unused_i,
  output      logic             [31:0] word_o        // the mark in its low byte, the place in 21 bits above
);
  logic              changed_q, changed;
  logic signed [8:0] difference;
  logic signed [9:0] magnitude;
  always_comb begin
    changed = changed_q;
    for (int unsigned l = 0; l < Columns; l++) begin
      difference = 9'($signed(a_i[l])) - 9'($signed(b_i[l]));
      magnitude  = (difference < 9'sd0) ? 10'sd0 - 10'(difference) : 10'(difference);
      if (!unused_i[l] && magnitude > 10'($signed(threshold_i))) changed = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) changed_q <= 1'b0;
    else if (pair_i && advance_i) changed_q <= changed && !last_i;
  end

  logic [32:0] place;
  assign place  = 33'(output_i) + 33'(offset_i);
  assign word_o = {3'd0, (place[32:20] != '0) ? 21'h10_0000 : place[20:0], 7'd0, changed};
endmodule
`default_nettype wire
