// parameter_store: bias, multiplier and shift of every lane.
//   a block is 9 words of `Columns` bytes: biases int32, multipliers int32, shifts int8, little endian; byte k*Columns+i
//   of the block is byte i of word k. Or one triple for all lanes.
// Golden: accel_models.golden.vector.parameters. A word written in one cycle is at the outputs in the next.
// bad_o: a used lane got a multiplier or a shift that the requantizer cannot take (registered, one cycle).
// Combinational path: none. A single copy does: words come in the order in which the pipeline stages use them, and each
// stage has taken its part for the last vector of a group before the next group's arrives.
`default_nettype none
module parameter_store #(
  parameter  int unsigned Columns  = 4,
  parameter  int unsigned MultW    = 31,  // 31, or 16: the low 16 bits of a multiplier are not kept, and must be zero
  localparam int unsigned ColumnsW = $clog2(Columns + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     all_i,      // the triple for all lanes
  input  wire logic              [31:0] bias_i,
  input  wire logic              [30:0] mult_i,
  input  wire logic               [5:0] shift_i,
  input  wire logic                     write_i,    // a word of the block
  input  wire logic               [3:0] word_i,
  input  wire logic  [Columns-1:0][7:0] data_i,
  input  wire logic      [ColumnsW-1:0] lanes_i,    // used
  output      logic                     bad_o,
  output      logic [Columns-1:0][31:0] bias_o,
  output      logic [Columns-1:0][30:0] mult_o,
  output      logic  [Columns-1:0][5:0] shift_o
);
  localparam logic [2:0] Kept = (MultW == 16) ? 3'b100 : 3'b111;  // low bytes of a multiplier

  logic bad;

  // Byte b of the multiplier of lane l is byte 4*(Columns + l) + b of the block, and likewise the others.
  always_ff @(posedge clk_i) begin
    for (int unsigned l = 0; l < Columns; l++) begin
      for (int unsigned b = 0; b < 4; b++) begin
        if (all_i) bias_o[l][8*b +: 8] <= bias_i[8*b +: 8];
        else if (write_i && word_i == 4'((4*l + b) / Columns)) bias_o[l][8*b +: 8] <= data_i[(4*l + b) % Columns];
      end
      for (int unsigned b = 0; b < 3; b++) begin
        if (!Kept[b]) mult_o[l][8*b +: 8] <= '0;
        else if (all_i) mult_o[l][8*b +: 8] <= mult_i[8*b +: 8];
        else if (write_i && word_i == 4'((4*l + b) / Columns + 4)) mult_o[l][8*b +: 8] <= data_i[(4*l + b) % Columns];
      end
      if (all_i) mult_o[l][30:24] <= mult_i[30:24];
      else if (write_i && word_i == 4'((4*l + 3) / Columns + 4)) mult_o[l][30:24] <= data_i[(4*l + 3) % Columns][6:0];
      if (all_i) shift_o[l] <= shift_i;
      else if (write_i && word_i == 4'd8) shift_o[l] <= data_i[l][5:0];
    end
  end

  always_comb begin
    bad = 1'b0;
    for (int unsigned l = 0; l < Columns; l++) begin
      if (write_i && ColumnsW'(l) < lanes_i) begin
        for (int unsigned b = 0; b < 3; b++) begin
          if (!Kept[b] && word_i == 4'((4*l + b) / Columns + 4) && data_i[(4*l + b) % Columns] != '0) bad = 1'b1;
        end
        if (word_i == 4'((4*l + 3) / Columns + 4) && data_i[(4*l + 3) % Columns][7]) bad = 1'b1;
        if (word_i == 4'd8 && (data_i[l] == '0 || data_i[l] > 8'd62)) bad = 1'b1;
      end
    end
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) bad_o <= 1'b0;
    else bad_o <= bad;
  end
endmodule
`default_nettype wire
